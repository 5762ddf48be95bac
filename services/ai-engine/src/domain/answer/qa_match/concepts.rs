//! Words that mean the same in questions of customers, in six languages, and words that say nothing
//! there. Written without accents.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

/// The words of each row mean the same. The first one names the concept.
const CONCEPTS: &str = "\
price cost costs prices pricing fee fees charge charges expensive cuesta cuestan costar \
    costo coste precio precios tarifa tarifas vale valen cobras cobran cobrais kostet kosten \
    preis preise gebuhr gebuhren teuer coute coutent couter prix tarif tarifs custa custam \
    custar custo valor preco precos costa costano costo prezzo prezzi tariffa tariffe
refund refunds refunded refundable reimbursement reimburse reembolso reembolsos reembolsar \
    devolucion erstattung ruckerstattung erstattet erstatten remboursement remboursements \
    rembourser rembourse remboursez reembolsam rimborso rimborsi rimborsare
cancel cancels cancelled canceled cancelling canceling cancellation terminate cancelar \
    cancelo cancelacion anular kundigen kundigung stornieren stornierung annuler annulation \
    resilier resiliation cancelamento annullare cancellare disdire disdetta cancellazione
contact reach contactar contacto erreichen kontakt kontaktieren erreiche kontaktiere \
    contacter joindre contatar contato contattare contatto raggiungere contactarte contactaros
open opens opened horario horarios abren abre abierto abiertos abierta abris offnungszeiten \
    geoffnet offen horaires ouvert ouverts ouverte ouvrez aberto abertos aberta abrem orari \
    orario aperto aperti aperta aprite apre
book booking bookings reserve reservation reservations schedule appointment appointments \
    reservar reserva reservas cita citas agendar buchen buchung reservieren termin termine \
    reserver marcar marcacao prenotare prenotazione prenoto appuntamento reservo buche
delivery deliver delivered deliveries ship ships shipped shipping shipment envio envios \
    enviar envian enviais entrega entregan versand versenden liefern liefert lieferung geliefert \
    livraison livrer livrez expedition entregam enviam spedizione spedire spedite consegna \
    consegnate
return returns returning devolver zuruckgeben zuruckschicken ruckgabe rucksendung retourner \
    retour renvoyer restituire reso
location located address directions ubicacion direccion ubicados ubicado adresse standort \
    situe situes situee endereco localizacao indirizzo
find found finde finden befindet encuentra encuentro encontrar trouve trouver trova trovo \
    trovare fica ficam
register registration registering signup enrol enroll enrolment enrollment join registrar \
    registrarme registro inscribir inscribirme inscripcion apuntarme anmelden anmeldung \
    registrieren inscrire inscription inscrever inscricao cadastrar iscrivere iscrizione \
    iscriversi iscrivermi registrarsi
login anmeldedaten einloggen connecter
password passwords passcode contrasena passwort kennwort senha
reset forgot forgotten recover restore restablecer olvide olvidado recuperar zurucksetzen \
    vergessen reinitialiser oublie redefinir esqueci reimpostare dimenticato recuperare
discount discounts reduction reduced rebate descuento descuentos rabatt rabatte ermaßigung \
    ermaßigungen reductions remise remises desconto descontos sconto sconti
pay paying payment payments pagar pago pagos zahlen bezahlen zahlung zahle payer paiement \
    paiements paye pagamento pagamentos pagare pagamenti
card cards tarjeta tarjetas kreditkarte karte cartao carta
buy buying purchase purchased purchasing comprar compra kaufen kauf acheter achat comprare \
    acquistare acquisto
beginner beginners novice novices newcomer newcomers principiante principiantes anfanger \
    debutant debutants debutante iniciante iniciantes principianti
child children kid kids nino ninos nina ninas kinder enfant enfants crianca criancas bambino \
    bambini
parking park aparcamiento aparcar estacionamiento estacionar parkplatz parkplatze parken \
    garer stationnement stationner estacionamento parcheggio parcheggiare parcheggi
duration last lasts take takes length dura duran durar tarda tardan dauert dauern dauer dure \
    durent duree demora demoram duracao duracion durata durano
begin begins start starts starting beginning empieza empiezan empezar comienza comienzan \
    comenzar beginnt beginnen anfangen startet commence commencent commencer debute comeca \
    comecam comecar inizia iniziano iniziare comincia
certificate certificates certification diploma certificado certificados zertifikat \
    zertifikate bescheinigung certificat certificats attestation certificato certificati \
    attestato
invoice invoices bill factura facturas rechnung rechnungen facture factures fatura faturas \
    fattura fatture
phone telephone telefono telefon telefonnummer telefone
email emails mail mails correo
trial tryout prueba probestunde probe essai teste prova";

/// Words that say nothing in a question: what is asked for is there, or wanted, or possible.
const LIGHT: &str = "\
    possible possibly d able allow allowed permitted available offer offers offered provide \
    provides provided exist exists wondering wonder question want wants need needs please hi hey \
    someone anyone anybody somebody way ways best really actually just exactly information info \
    details regarding still already happen happens currently puede podria podriamos posible \
    disponible disponibles ofrecen ofrece ofreceis saber quisiera quiero querria necesito hay \
    existe existen manera forma mejor gustaria favor moglich verfugbar bietet bieten anbieten \
    angeboten wissen mochte wurde gerne gern brauche gibts geben existiert weise disponibles \
    proposez proposes offrez savoir voudrais aimerais besoin existe moyen facon possivel \
    disponivel oferece oferecem gostaria preciso queria maneira modo possibile disponibile \
    offrite offre sapere vorrei dov cos com dell nell all sull dall avete abbiamo tienen teneis \
    avez haben habt bisogno modo";

/// Several words that mean what one does.
const PHRASES: [(&str, &str); 33] = [
    ("money back", "refund"),
    ("geld zuruck", "refund"),
    ("in touch", "contact"),
    ("sign up", "register"),
    ("signing up", "register"),
    ("log in", "login"),
    ("logging in", "login"),
    ("sign in", "login"),
    ("iniciar sesion", "login"),
    ("opening hours", "open"),
    ("opening times", "open"),
    ("business hours", "open"),
    ("hours of operation", "open"),
    ("heures d ouverture", "open"),
    ("horario de funcionamento", "open"),
    ("orari di apertura", "open"),
    ("horario de apertura", "open"),
    ("credit card", "card"),
    ("credit cards", "card"),
    ("carte bancaire", "card"),
    ("carte de credit", "card"),
    ("tarjeta de credito", "card"),
    ("cartao de credito", "card"),
    ("carta di credito", "card"),
    ("email address", "email"),
    ("e mail", "email"),
    ("correo electronico", "email"),
    ("phone number", "phone"),
    ("telephone number", "phone"),
    ("mot de passe", "password"),
    ("rendez vous", "book"),
    ("send back", "return"),
    ("give back", "return"),
];

/// A concept: the number of its row.
pub(super) type Concept = usize;

static BY_WORD: LazyLock<HashMap<&str, Concept>> = LazyLock::new(|| {
    let rows = CONCEPTS.lines().enumerate();
    rows.flat_map(|(row, words)| words.split_whitespace().map(move |word| (word, row)))
        .collect()
});

/// The concept of a word without accents, if it is one of a row.
pub(super) fn of_word(word: &str) -> Option<Concept> {
    BY_WORD.get(word).copied()
}

/// Whether a word without accents says nothing in a question.
pub(super) fn is_light(word: &str) -> bool {
    static WORDS: LazyLock<HashSet<&str>> = LazyLock::new(|| LIGHT.split_whitespace().collect());
    WORDS.contains(word)
}

/// The words with phrases replaced by the one word that they mean.
pub(super) fn without_phrases(words: Vec<String>) -> Vec<String> {
    let mut joined = format!(" {} ", words.join(" "));
    let is_in = |joined: &str, phrase: &str| joined.contains(&format!(" {phrase} "));
    if !PHRASES.iter().any(|(phrase, _)| is_in(&joined, phrase)) {
        return words;
    }
    for (phrase, word) in PHRASES {
        joined = joined.replace(&format!(" {phrase} "), &format!(" {word} "));
    }
    joined.split_whitespace().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_row_are_one_concept_and_a_row_begins_at_its_line() {
        assert_eq!(of_word("cost"), of_word("prezzo"));
        assert_ne!(of_word("cost"), of_word("refund"));
        assert_eq!(of_word("rimborso"), of_word("refund"));
        assert_eq!(of_word("gold"), None);
        let words = ["get", "my", "money", "back"].map(str::to_owned);
        assert_eq!(without_phrases(words.to_vec()), ["get", "my", "refund"]);
    }
}
