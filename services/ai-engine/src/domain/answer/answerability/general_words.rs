//! Words of questions that an answer has no need to repeat: they frame what is asked, or have many
//! synonyms. Chosen by how often passages that answer lack them (`tests/quality`).

const ENGLISH: &str = "\
    ability able accurate achieve achieved actual actually advantage advantages affect affects \
    aim allow allowed already also always among amount annual annually answer applicable applies \
    apply average bad based believe beneficial benefit benefits best better big bring buy came \
    cause caused causes certain change changed changes check come comes company compare compared \
    comparison consider considered contain correct cost costs create created current daily \
    danger dangerous day days decrease describe detail details develop developed differ \
    difference differences different disadvantages effect effective effectively effectiveness \
    effects end ended enough even ever exact exactly example expect expected explain fail failed \
    failure find first found general generally give go goal good great handle handled happen \
    happened happens harmful help helps high higher impact impacts important improve improved \
    improves include included includes increase increases information issue issues keep key kind \
    kinds know known large largest last lead leads learn legal legally level levels likely list \
    long low lower made main make makes matter mean means method methods month months moment \
    necessary need needed needs new number offer offers often ok old order organization overall \
    particular pay people percent percentage perform performance permitted person place play \
    plan possible possibly practice prevent prevents price primarily primary principal problem \
    problems provide provides purpose put quality question rate reach really reason reasons \
    recommend recommended reduce reduces reliable required responsible rise risk risks role safe \
    safely said say second show sign significant significantly small someone sort specific \
    specifically start started status still stop success successful support take takes tell \
    term terms thing things think time times total true truly type types typical typically \
    unlikely usual usually versus viable vs want way ways week weeks well work working works \
    worse worst worth year years yet";
const PRESENT: &str = "\
    current currently latest now nowadays presently recent recently today upcoming \
    actual actuales actualmente hoy aktuell aktuelle aktuellen aktueller derzeit heute jetzt \
    actuel actuelle actuellement atual atualmente hoje agora attuale attualmente oggi adesso";

/// Whether an answer has no need to repeat the word, given in lower case.
pub(super) fn is_general(word: &str) -> bool {
    ENGLISH.split_whitespace().any(|listed| listed == word)
}

/// Whether the word asks for how things are at present.
pub(super) fn is_about_the_present(word: &str) -> bool {
    PRESENT.split_whitespace().any(|listed| listed == word)
}
