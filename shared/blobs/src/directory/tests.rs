//! Files come, stay and go, and leave nothing behind.

use shared_models::{ContentHash, DocumentId};
use tempfile::TempDir;
use tokio::io::AsyncReadExt as _;

use super::*;

fn everything(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(everything(&path));
        } else {
            found.push(path);
        }
    }
    found
}

struct Fixture {
    root: TempDir,
    store: Directory,
    key: BlobKey,
}

fn fixture() -> Fixture {
    let root = TempDir::new().unwrap();
    let store = Directory::new(root.path().join("uploads"));
    Fixture {
        root,
        store,
        key: BlobKey::upload(CreatorId::new(), ContentHash::from([7; 32])),
    }
}

async fn read(at: &Fixture, offset: u64) -> String {
    let mut open = at.store.open(at.key, offset).await.unwrap();
    let mut text = String::new();
    open.content.read_to_string(&mut text).await.unwrap();
    text
}

async fn put(at: &Fixture, text: &[u8]) {
    let mut incoming = at.store.begin().await.unwrap();
    incoming.write(text).await.unwrap();
    incoming.finish().await.unwrap();
    incoming.promote(at.key).await.unwrap();
}

#[tokio::test]
async fn a_file_that_was_kept_reads_back_until_it_is_removed() {
    let at = fixture();
    put(&at, b"calm").await;
    at.store.confirm(at.key).await.unwrap();
    let expected = at
        .root
        .path()
        .join(format!("uploads/{}/{}", at.key.tenant, "07".repeat(32)));
    assert_eq!(everything(at.root.path()), [expected]);
    assert_eq!(read(&at, 0).await, "calm");
    at.store.remove(at.key).await.unwrap();
    at.store.remove(at.key).await.unwrap();
    assert_eq!(everything(at.root.path()), [] as [PathBuf; 0]);
    assert!(!at.store.folder(at.key.tenant).exists());
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_nothing() {
    let at = fixture();
    let mut incoming = at.store.begin().await.unwrap();
    incoming.write(b"half").await.unwrap();
    assert_eq!(everything(at.root.path()).len(), 1);
    drop(incoming);
    assert_eq!(everything(at.root.path()), [] as [PathBuf; 0]);
}

#[tokio::test]
async fn a_sweep_clears_old_parts_and_names_what_is_unconfirmed() {
    let at = fixture();
    put(&at, b"calm").await;
    let part = at.store.incoming().join(Uuid::new_v4().to_string());
    std::fs::write(&part, "half").unwrap();
    assert_eq!(at.store.sweep(Duration::from_hours(1)).await.unwrap(), []);
    assert!(part.exists(), "it may still be growing");
    assert_eq!(at.store.sweep(Duration::ZERO).await.unwrap(), [at.key]);
    assert!(!part.exists());
    at.store.confirm(at.key).await.unwrap();
    assert_eq!(at.store.sweep(Duration::ZERO).await.unwrap(), []);
}

#[tokio::test]
async fn a_store_that_cannot_be_written_says_so() {
    let at = fixture();
    at.store.check().await.unwrap();
    assert_eq!(everything(at.root.path()), [] as [PathBuf; 0]);
    let file = at.root.path().join("file");
    std::fs::write(&file, "in the way").unwrap();
    assert!(Directory::new(file).check().await.is_err());
}

#[tokio::test]
async fn a_file_is_read_from_any_offset_and_its_size_is_known() {
    let at = fixture();
    put(&at, b"breathe slowly").await;
    assert_eq!(read(&at, 8).await, "slowly");
    assert_eq!(read(&at, 14).await, "");
    assert_eq!(at.store.size(at.key).await.unwrap(), 14);
    assert_eq!(at.store.open(at.key, 8).await.unwrap().size, 14);
    let other = BlobKey::text(at.key.tenant, DocumentId::new());
    assert!(matches!(
        at.store.size(other).await,
        Err(BlobError::NotFound)
    ));
    assert!(matches!(
        at.store.open(other, 0).await,
        Err(BlobError::NotFound)
    ));
}

#[tokio::test]
async fn who_reads_a_file_that_is_replaced_reads_the_old_one_to_its_end() {
    let at = fixture();
    put(&at, b"old").await;
    let mut open = at.store.open(at.key, 0).await.unwrap();
    put(&at, b"new").await;
    let mut text = String::new();
    open.content.read_to_string(&mut text).await.unwrap();
    assert_eq!((text.as_str(), read(&at, 0).await.as_str()), ("old", "new"));
}

#[tokio::test]
async fn erasing_a_tenant_leaves_the_files_of_others() {
    let at = fixture();
    put(&at, b"mine").await;
    let text = BlobKey::text(at.key.tenant, DocumentId::new());
    let other = BlobKey::upload(CreatorId::new(), ContentHash::from([7; 32]));
    for key in [text, other] {
        let mut incoming = at.store.begin().await.unwrap();
        incoming.finish().await.unwrap();
        incoming.promote(key).await.unwrap();
        at.store.confirm(key).await.unwrap();
    }
    assert_eq!(
        at.store.erase(at.key.tenant).await.unwrap(),
        3,
        "one marker"
    );
    assert_eq!(everything(at.root.path()), [at.store.place(other)]);
    assert_eq!(at.store.erase(at.key.tenant).await.unwrap(), 0);
}
