//! The catalogue is consistent.

use super::*;

#[test]
fn every_word_reads_back_as_its_permission() {
    for permission in Permission::ALL {
        assert_eq!(permission.as_str().parse(), Ok(*permission));
        let json = serde_json::to_string(permission).unwrap();
        assert_eq!(json, format!("\"{permission}\""));
    }
    assert_eq!("documents:burn".parse::<Permission>(), Err(NotAPermission));
}

#[test]
fn documents_name_a_permission_by_its_word() {
    let schema = <Permission as utoipa::PartialSchema>::schema();
    let schema = serde_json::to_value(schema).unwrap();
    assert_eq!(
        schema["enum"],
        serde_json::to_value(Permission::ALL).unwrap()
    );
}

#[test]
fn a_role_has_what_the_roles_below_it_have() {
    let of = |role: Role| -> Vec<_> { role.permissions().collect() };
    let [viewer, editor, admin, owner] =
        [Role::Viewer, Role::Editor, Role::Admin, Role::Owner].map(of);
    for (less, more) in [(&viewer, &editor), (&editor, &admin), (&admin, &owner)] {
        assert!(less.len() < more.len());
        assert!(less.iter().all(|permission| more.contains(permission)));
    }
    assert_eq!(owner, Permission::ALL);
    assert!(!viewer.contains(&Permission::DocumentsWrite));
    assert!(!admin.contains(&Permission::PrivacyManage));
}
