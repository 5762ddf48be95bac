//! Words that turn a sentence into its opposite: negations, and pairs such as `before` and `after`.

use std::collections::HashSet;

use super::evidence::Word;

/// Content words to which a negation applies.
const SCOPE: usize = 3;
/// Words within which a scope ends, whatever stands there.
const REACH: usize = 8;

const NEGATIONS: &str = "not no never t nt without none nor neither cannot cant dont doesnt \
    didnt wont isnt arent wasnt werent nobody nothing nowhere hardly nunca jamás sin ni \
    tampoco nadie nada ningún ninguna ninguno nicht kein keine keinen keinem keiner keines \
    nie niemals ohne weder niemand nichts ne n pas jamais sans aucun aucune não jamais sem \
    nem nenhum nenhuma ninguém non mai senza nessun nessuna nessuno né не нет без ни никогда \
    нельзя لا ليس لم لن غير بدون";
/// In scripts without spaces a negation is a part of a run of characters.
const NEGATION_SIGNS: [&str; 14] = [
    "不",
    "没",
    "沒",
    "未",
    "无",
    "無",
    "别",
    "ない",
    "ません",
    "なく",
    "ずに",
    "않",
    "없",
    "못",
];

/// Pairs in which one word says the opposite of the other.
const OPPOSITES: &str = "before/after increase/decrease increased/decreased increases/decreases \
    increasing/decreasing rise/fall rose/fell rises/falls more/less more/fewer higher/lower \
    highest/lowest high/low always/never allowed/forbidden allowed/prohibited permitted/prohibited \
    include/exclude includes/excludes included/excluded including/excluding open/closed \
    opens/closes minimum/maximum least/most with/without above/below over/under first/last \
    early/late earlier/later safe/unsafe safe/dangerous possible/impossible legal/illegal \
    true/false yes/no all/none accept/reject accepted/rejected accepts/rejects approve/reject \
    approved/rejected agree/disagree success/failure succeeded/failed win/lose won/lost \
    positive/negative better/worse best/worst longer/shorter faster/slower larger/smaller \
    gain/loss gained/lost enable/disable enabled/disabled required/optional required/forbidden \
    mandatory/optional free/paid refundable/nonrefundable effective/ineffective \
    likely/unlikely able/unable sufficient/insufficient up/down antes/después con/sin \
    siempre/nunca más/menos máximo/mínimo aumenta/disminuye vor/nach mit/ohne immer/nie \
    mehr/weniger höchstens/mindestens maximal/minimal avant/après avec/sans toujours/jamais \
    plus/moins maximum/minimum augmente/diminue antes/depois com/sem sempre/nunca mais/menos \
    prima/dopo con/senza sempre/mai più/meno massimo/minimo";

/// Whether a text in a script without spaces, or in Korean, denies something.
pub(in crate::domain::answer) fn has_negation_sign(text: &str) -> bool {
    NEGATION_SIGNS.iter().any(|sign| text.contains(sign))
}

/// Whether the word negates.
pub(in crate::domain::answer) fn is_negation(word: &str) -> bool {
    NEGATIONS.split(' ').any(|listed| listed == word)
}

/// Whether the sentence denies what the source says, or says what the source denies.
pub(super) fn is_flipped(sentence: &[Word], sources: &[&[Word]]) -> bool {
    let own = scopes(sentence);
    let theirs: Vec<HashSet<&str>> = sources.iter().flat_map(|source| scopes(source)).collect();
    let meets = |scope: &HashSet<&str>, others: &[HashSet<&str>]| {
        others.iter().any(|other| !scope.is_disjoint(other))
    };
    if own
        .iter()
        .any(|scope| !scope.is_empty() && !meets(scope, &theirs))
    {
        return true;
    }
    let said: HashSet<&str> = sentence.iter().flat_map(Word::stems).collect();
    let drops = |source: &&[Word]| {
        negated_words(source).into_iter().any(|negated| {
            let [first, ..] = negated.as_slice() else {
                return false;
            };
            // The word behind the negation is said, and nothing like it is denied.
            let is_said = first.stems().any(|stem| said.contains(stem));
            let scope: HashSet<&str> = negated.iter().flat_map(|word| word.stems()).collect();
            is_said && !meets(&scope, &own)
        })
    };
    sources.iter().any(drops) || has_opposite(sentence, sources)
}

/// The content words behind each negation; those before it if none is behind it.
fn negated_words(words: &[Word]) -> Vec<Vec<&Word>> {
    let content = |word: &&Word| word.is_content && !word.is_negation;
    words
        .iter()
        .enumerate()
        .filter(|(_, word)| word.is_negation)
        .map(|(place, _)| {
            let behind = words[place + 1..].iter().take(REACH);
            let behind: Vec<&Word> = behind.filter(content).take(SCOPE).collect();
            if behind.is_empty() {
                words[..place]
                    .iter()
                    .rev()
                    .filter(content)
                    .take(SCOPE)
                    .collect()
            } else {
                behind
            }
        })
        .collect()
}

fn scopes(words: &[Word]) -> Vec<HashSet<&str>> {
    let negated = negated_words(words);
    negated
        .into_iter()
        .map(|words| words.into_iter().flat_map(Word::stems).collect())
        .collect()
}

/// Whether the sentence has one word of a pair where the sources have the other one only.
fn has_opposite(sentence: &[Word], sources: &[&[Word]]) -> bool {
    let in_sources = |word: &str| {
        sources
            .iter()
            .any(|source| source.iter().any(|own| own.text == word))
    };
    let is_said = |word: &str| sentence.iter().any(|own| own.text == word);
    let differs = |said: &str, other: &str| {
        is_said(said) && !in_sources(said) && in_sources(other) && !is_said(other)
    };
    OPPOSITES
        .split_whitespace()
        .filter_map(|pair| pair.split_once('/'))
        .any(|(one, other)| differs(one, other) || differs(other, one))
}
