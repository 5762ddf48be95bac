//! Understands a question in its conversation before it is searched: "And for children?" is about
//! what was spoken of before.

use std::collections::HashSet;

use shared_ai_client::{ChatTurn, TurnRole};

use super::function_words::is_function_word;
use super::language::Language;
use crate::domain::tokenizer;

/// Questions that lean on others are followed back so far.
const MAX_CHAIN: usize = 3;
/// Words of one earlier question.
const MAX_QUESTION_WORDS: usize = 12;
/// Words of the last answer: the beginning says what it is about.
const MAX_ANSWER_WORDS: usize = 8;
/// A pronoun with so many content words before it stands for one of these.
const MIN_ANTECEDENT_WORDS: usize = 2;

/// Words that continue what was said, if a question begins with them.
const CONTINUATIONS: &str = "and,but,or,so,then,also,what about,how about,what if,and if,only,\
    even,why not,how so,how come,y,pero,o,entonces,tambien,que pasa con,y si,por que no,und,aber,\
    oder,also,auch,was ist mit,wie ist es mit,wie sieht es mit,warum nicht,wieso,et,mais,alors,\
    aussi,qu en est il,et si,pourquoi pas,e,mas,entao,tambem,e se,que tal,ma,allora,anche,\
    invece,e per,perche no";
/// Prepositions with which a whole question does not begin, but the rest of one does.
const PREPOSITIONS: &str = "for,with,without,before,after,during,at,on,from,to,by,under,over,\
    para,con,sin,antes,despues,durante,desde,por,en,a,fur,mit,ohne,vor,nach,bei,ab,wahrend,im,am,\
    in,um,pour,avec,sans,avant,apres,pendant,chez,dans,com,sem,depois,no,na,per,senza,prima,dopo,\
    di,da,nel,nella";
/// Pronouns of persons and things that were named before.
const PRONOUNS: &str = "they,them,their,theirs,he,him,his,she,her,hers,those,these,ones,ellos,\
    ellas,aquel,aquella,esos,esas,sie,ihn,ihm,ihnen,dessen,deren,ils,elles,leur,leurs,celui,celle,\
    ceux,celles,eles,elas,dele,dela,deles,delas,loro,quelli,quelle,esso,essa";
/// Words that often stand for something named before, but also for nothing ("it rains").
const WEAK_PRONOUNS: &str = "it,its,that,this,one,there,same,lo,la,los,las,le,eso,esto,ese,esa,\
    ello,alli,mismo,es,das,dies,diese,dieser,dieses,dafur,damit,davon,daruber,dazu,dort,il,elle,\
    cela,ca,ce,y,en,isso,isto,esse,o,aquilo,ele,ela,lui,lei,questo,questa,quello,cio,ne,ci,li";
/// Words that ask for more of the same.
const MORE: &str = "more,else,example,examples,detail,details,further,explain,elaborate,continue,\
    mean,instead,exactly,mas,ejemplo,ejemplos,detalles,detalle,explica,explicame,continua,sigue,\
    significa,exactamente,mehr,beispiel,beispiele,genauer,einzelheiten,weiter,erklare,bedeutet,\
    genau,plus,exemple,exemples,continue,explique,precisement,signifie,mais,exemplo,exemplos,\
    detalhes,explique,continue,exatamente,esempio,esempi,dettagli,spiega,continua,ancora,\
    esattamente";

/// What is searched for: the question, with what it leans on.
pub(crate) fn search_text(question: &str, history: &[ChatTurn]) -> String {
    let mut words: Vec<String> = Vec::new();
    if leans_on_history(question) {
        let mut earlier = history
            .iter()
            .rev()
            .filter(|turn| turn.role == TurnRole::User)
            .map(|turn| turn.content.as_str())
            .filter(|text| super::small_talk::detect(text).is_none())
            .take(MAX_CHAIN);
        for text in &mut earlier {
            words.extend(content_words(text).into_iter().take(MAX_QUESTION_WORDS));
            if !leans_on_history(text) {
                break;
            }
        }
        let answer = history
            .iter()
            .rev()
            .find(|turn| turn.role == TurnRole::Assistant);
        if let Some(answer) = answer {
            words.extend(topic_words(answer.content.as_str()));
        }
    }
    let mut known: HashSet<String> = tokenizer::words(question).into_iter().collect();
    words.retain(|word| known.insert(word.clone()));
    if words.is_empty() {
        return question.to_owned();
    }
    format!("{question} {}", words.join(" "))
}

/// Whether the question cannot be understood alone.
pub(crate) fn leans_on_history(question: &str) -> bool {
    let language = Language::detect(question);
    let words = plain_words(question);
    let is_content =
        |word: &String| !is_function_word(word, language) && !is_function_plain(word, language);
    let is_telling = |word: &String| is_content(word) && !is_in(MORE, word);
    let content = words.iter().filter(|word| is_telling(word)).count();
    if words.is_empty() || content == 0 {
        return true;
    }
    let before = |place: usize| {
        words[..place]
            .iter()
            .filter(|word| is_telling(word))
            .count()
    };
    let refers = |list: &str, max_content: usize| {
        content <= max_content
            && words.iter().enumerate().any(|(place, word)| {
                is_in(list, word)
                    && before(place) < MIN_ANTECEDENT_WORDS
                    && !is_article(&words, place, language)
            })
    };
    let is_fragment = is_in(PREPOSITIONS, &words[0]) && content <= 2 && words.len() <= 4;
    starts_with_continuation(&words) && content <= 4
        || is_fragment
        || refers(PRONOUNS, 4)
        || refers(WEAK_PRONOUNS, 1)
        || (content == 1 && words.iter().any(|word| is_in(MORE, word)))
}

/// Whether the pronoun at that place is the article of the word behind it: `la sesión`, `das Kind`,
/// `this course`.
fn is_article(words: &[String], place: usize, language: Language) -> bool {
    const ARTICLES: &str = "la,los,las,o,le,das,diese,dieser,dieses,dies,il,ce,ese,esa,esse,this,\
        that,these,those,questo,questa,quello,lo,li,his,her,their,leur,leurs,loro,esos,esas,quelle,\
        quelli,one,ihn,celle,lui,sie,y,en,ne";
    const OBJECTS: &str = "ihn,celle,lui,sie,y,en,ne";
    let Some(next) = words.get(place + 1) else {
        return false;
    };
    let is_verb = matches!(language, Language::Spanish | Language::Portuguese)
        && matches!(words.get(place.wrapping_sub(1)), Some(word) if word == "como" || word == "se");
    is_in(ARTICLES, &words[place])
        && !is_in(OBJECTS, &words[place])
        && !is_verb
        && !is_function_word(next, language)
        && !is_function_plain(next, language)
}

fn starts_with_continuation(words: &[String]) -> bool {
    (1..=words.len().min(5)).any(|length| is_in(CONTINUATIONS, &words[..length].join(" ")))
}

/// The content words of a text, each once.
fn content_words(text: &str) -> Vec<String> {
    let language = Language::detect(text);
    let mut known = HashSet::new();
    tokenizer::words(text)
        .into_iter()
        .filter(|word| !is_function_word(word, language) && !is_in(MORE, word))
        .filter(|word| !word.chars().all(|c| c.is_ascii_digit()))
        .filter(|word| known.insert(word.clone()))
        .collect()
}

/// What an answer is about: the first content words of what it says, without its introduction.
fn topic_words(answer: &str) -> Vec<String> {
    let quoted = answer
        .split_once('“')
        .map_or(answer, |(_, quotation)| quotation);
    let mut words = content_words(quoted);
    words.truncate(MAX_ANSWER_WORDS);
    words
}

fn plain_words(text: &str) -> Vec<String> {
    let plain = |word: String| tokenizer::without_accents(&word).unwrap_or(word);
    tokenizer::words(text).into_iter().map(plain).collect()
}

/// Function words that are listed with their accents, compared without.
pub(super) fn is_function_plain(word: &str, language: Language) -> bool {
    const PLAIN: &str = "que,como,cuando,donde,cual,quien,cuanto,cuanta,cuantos,esta,estan,asi,mas,\
        si,tambien,fur,uber,konnen,konnt,wahrend,ou,a,la,etre,meme,grace,voila,nao,sao,sera,e,ate,\
        ha,so,tem,voce,voces,entao,perche,piu,puo,cosi,gia,c,la,estas,el,tu,mi,kannst,wurde";
    language != Language::English && is_in(PLAIN, word)
}

fn is_in(list: &str, word: &str) -> bool {
    list.split(',').any(|listed| listed == word)
}

#[cfg(test)]
mod tests;
