//! Canonical forms, compared with those that Go's `resource.Quantity` prints.

use super::Quantity;

#[test]
fn amounts_take_the_form_that_the_server_stores() {
    let table = [
        ("1024Mi", "1Gi"),
        ("1.5Gi", "1536Mi"),
        ("2000Mi", "2000Mi"),
        ("0.5", "500m"),
        ("1000m", "1"),
        ("1500m", "1500m"),
        ("1000M", "1G"),
        ("2", "2"),
        ("1000", "1k"),
        ("0", "0"),
        ("0Gi", "0"),
    ];
    for (given, stored) in table {
        assert_eq!(Quantity::from(given).canonical().0, stored, "{given}");
    }
}

#[test]
fn amounts_compare_by_size_and_not_by_text() {
    assert!(Quantity::from("10Gi") > Quantity::from("9Gi"));
    assert!(Quantity::from("1G") < Quantity::from("1Gi"));
    assert_eq!(Quantity::from("nonsense").milli(), None);
}
