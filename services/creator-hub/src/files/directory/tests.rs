//! Files come, stay and go, and leave nothing behind.

use tempfile::TempDir;

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
    creator: CreatorId,
    hash: ContentHash,
}

fn fixture() -> Fixture {
    let root = TempDir::new().unwrap();
    let store = Directory::new(root.path().join("uploads"));
    Fixture {
        root,
        store,
        creator: CreatorId::new(),
        hash: ContentHash::from([7; 32]),
    }
}

async fn put(at: &Fixture, text: &[u8]) {
    let mut incoming = at.store.begin().await.unwrap();
    incoming.write(text).await.unwrap();
    incoming.finish().await.unwrap();
    incoming.promote(at.creator, at.hash).await.unwrap();
}

#[tokio::test]
async fn a_file_that_was_kept_reads_back_until_it_is_removed() {
    let at = fixture();
    put(&at, b"calm").await;
    at.store.confirm(at.creator, at.hash).await.unwrap();
    let expected = at
        .root
        .path()
        .join(format!("uploads/{}/{}", at.creator, at.hash));
    assert_eq!(everything(at.root.path()), [expected]);
    assert_eq!(at.store.read(at.creator, at.hash).await.unwrap(), b"calm");
    at.store.remove(at.creator, at.hash).await.unwrap();
    at.store.remove(at.creator, at.hash).await.unwrap();
    assert_eq!(everything(at.root.path()), [] as [PathBuf; 0]);
    assert!(!at.store.folder(at.creator).exists());
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
    assert_eq!(
        at.store.sweep(Duration::ZERO).await.unwrap(),
        [(at.creator, at.hash)]
    );
    assert!(!part.exists());
    at.store.confirm(at.creator, at.hash).await.unwrap();
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
