//! Numbers, units and months that are written as words.

use crate::domain::answer::language::Language;

/// Units, and the words for them: another unit is another amount.
const UNITS: [(&str, &str); 15] = [
    ("%", "% percent prozent porciento cento percento"),
    ("eur", "€ eur euro euros"),
    ("usd", "$ usd dollar dollars dólares dólar"),
    ("gbp", "£ gbp pound pounds"),
    ("jpy", "¥ yen jpy"),
    ("thousand", "thousand tausend mil mille mila k"),
    (
        "million",
        "million millions millionen millones millón milhões milhão milioni milione m",
    ),
    (
        "billion",
        "billion billions milliarden milliarde milliards mil-millones miliardi bn",
    ),
    ("second", "seconds sekunden segundos secondes secondi"),
    ("minute", "minute minutes minuten minutos minuti min"),
    (
        "hour",
        "hour hours stunde stunden hora horas heure heures ora ore",
    ),
    (
        "day",
        "day days tag tage tagen día días dia dias jour jours giorno giorni",
    ),
    (
        "week",
        "week weeks woche wochen semana semanas semaine semaines settimana settimane",
    ),
    (
        "month",
        "month months monat monate monaten mes meses mois mese mesi mês",
    ),
    (
        "year",
        "year years jahr jahre jahren año años an ans année années ano anos anno anni",
    ),
];

const MONTHS: [&str; 12] = [
    "january jan januar enero janvier janeiro gennaio",
    "february feb februar febrero février fevereiro febbraio",
    "march mar märz marzo mars março",
    "april apr abril avril aprile",
    "may mai mayo maio maggio",
    "june jun juni junio juin junho giugno",
    "july jul juli julio juillet julho luglio",
    "august aug agosto août",
    "september sep sept septiembre septembre setembro settembre",
    "october oct oktober octubre octobre outubro ottobre",
    "november nov noviembre novembre novembro",
    "december dec dezember diciembre décembre dezembro dicembre",
];

/// Words for 2 to 20, then 30 to 90. Words for 1 are articles, too.
pub(super) const fn number_words(language: Language) -> &'static str {
    match language {
        Language::Spanish => {
            "dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince \
             dieciséis diecisiete dieciocho diecinueve veinte treinta cuarenta cincuenta sesenta \
             setenta ochenta noventa"
        }
        Language::German => {
            "zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn \
             sechzehn siebzehn achtzehn neunzehn zwanzig dreißig vierzig fünfzig sechzig siebzig \
             achtzig neunzig"
        }
        Language::French => {
            "deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize \
             dix-sept dix-huit dix-neuf vingt trente quarante cinquante soixante soixante-dix \
             quatre-vingt quatre-vingt-dix"
        }
        Language::Portuguese => {
            "dois três quatro cinco seis sete oito nove dez onze doze treze catorze quinze \
             dezesseis dezessete dezoito dezenove vinte trinta quarenta cinquenta sessenta setenta \
             oitenta noventa"
        }
        Language::Italian => {
            "due tre quattro cinque - sette otto nove dieci undici dodici tredici quattordici \
             quindici sedici diciassette diciotto diciannove venti trenta quaranta cinquanta \
             sessanta settanta ottanta novanta"
        }
        _ => {
            "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen \
             sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty \
             ninety"
        }
    }
}

pub(super) fn unit(token: &str) -> Option<&'static str> {
    let mut units = UNITS.iter();
    let (unit, _) = units.find(|(_, words)| words.split(' ').any(|word| word == token))?;
    Some(unit)
}

pub(super) fn word_value(token: &str, language: Language) -> Option<u32> {
    let place = number_words(language)
        .split(' ')
        .position(|word| word == token)?;
    let value = u32::try_from(place).ok()? + 2;
    Some(if value <= 20 {
        value
    } else {
        (value - 18) * 10
    })
}

pub(super) fn month(token: &str) -> Option<usize> {
    let place = MONTHS
        .iter()
        .position(|names| names.split(' ').any(|name| name == token))?;
    Some(place + 1)
}
