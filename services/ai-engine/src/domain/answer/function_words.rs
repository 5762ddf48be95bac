//! Words without a meaning of their own, in six languages: they tell the language of a short text,
//! and they do not count as something that a sentence says.

use super::language::Language;

const ENGLISH: &str = "a about above after again all also am an and any are as at be because been \
    before being below between both but by can could did do does doing don down during each else \
    few for from further get gets give given go got had has have having he hello help her here \
    hers him his how however i if in into is it its itself just know let like may me might mine \
    more most much must my no nor not of off on once one only or other our ours out over own \
    please s same say says shall she should so some such t tell than thank thanks that the their \
    them then there these they this those through to too under until up us use used using very \
    want was we were what when where which while who whom whose why will with within without \
    would yes you your yours ain aren couldn didn doesn hadn hasn haven isn ll m re \
    shouldn ve wasn weren won wouldn";
const SPANISH: &str = "a al algo alguna alguno algunos ante antes aquel aquella así aun aunque \
    bien cada como cómo con cual cuál cuales cuando cuándo cuanta cuánta cuanto cuánto cuántos \
    de del desde donde dónde dos durante el él ella ellas ello ellos en entre era eres es esa \
    esas ese eso esos esta está están estas este esto estos estoy fue gracias ha hace hacer hago \
    han hasta hay he hola la las le les lo los más me mi mis mucho muy nada ni no nos nosotros o \
    os otra otro para pero poco por porque pues puede pueden puedo que qué quien quién quiero se \
    sea según ser si sí sin sobre son soy su sus también tan te tengo tiene tienen tienes todo \
    todos tu tú tus un una unas uno unos y ya yo";
const GERMAN: &str = "ab aber alle allem allen aller alles als also am an auch auf aus bei beim \
    bin bis bist bitte da damit dann das dass dein deine dem den denn der des dich die dies diese \
    diesem diesen dieser dieses dir doch dort du durch ein eine einem einen einer eines er es \
    etwas euch euer für gibt hab habe haben hallo hast hat hatte hier ich ihm ihn ihnen ihr ihre \
    im in ins ist ja jede jeder jedes kann kannst können man mein meine mich mir mit muss nach \
    nicht noch nun nur ob oder ohne schon sehr sein seine sich sie sind so soll sollte über um und \
    uns unser unter vom von vor war warum was weil welche welcher welches wenn wer werde werden \
    wie wieder wieviel wir wird wo wurde zu zum zur";
const FRENCH: &str = "à ai au aussi autre aux avant avec avez avoir bien bonjour c car ce ceci \
    cela celle celui ces cet cette chaque chez comme comment d dans de depuis des donc dont du \
    elle elles en encore entre es est et être eu fait faire faut grâce il ils j je jusque l la le \
    les leur leurs lui m ma mais me même merci mes moi moins mon n ne ni non nos notre nous on ont \
    ou où par parce pas peu peut peux plus pour pourquoi puis qu quand que quel quelle quelles \
    quels qui quoi s sa sans se sera ses si son sont sous sur ta te tes toi ton tous tout toute tu \
    un une va vers vos votre vous y";
const PORTUGUESE: &str = "a à ainda algo ao aos as às até boa bom cada com como da das de dela \
    dele depois do dos e é ela elas ele eles em então entre era essa esse esta está estão este eu \
    faz fazer foi há isso isto já la lhe mais mas me mesmo meu minha muito na não nas nem no nos \
    nós nossa nosso num numa o obrigada obrigado olá onde os ou para pela pelo pode podem por \
    porque posso pra quais qual quando quanto quantos que quê quem quero se sem ser seu seus sim \
    só sobre são sua suas também te tem têm tenho ter teu tu tudo um uma você vocês vou";
const ITALIAN: &str = "a ad agli ai al alla alle allo anche ancora avere c che chi ci ciao come \
    con cosa così cui da dai dal dalla dalle dei del della delle dello deve di dopo dove e è ed \
    era essere fa fare fino fra gli grazie ha hai hanno ho i il in io l la le lei li lo loro lui \
    ma me mi mia mio molto ne nei nel nella nelle no noi non o ogni per perché perchè però più poi \
    posso prima può qual quale quali quando quanta quanto quella quello questa queste questi \
    questo qui se sei senza si sì sia sono sta stato su sua sue sui sul sulla suo ti tra tu tua \
    tuo tutti tutto un una uno vi voi vorrei";

const LISTS: [(Language, &str); 6] = [
    (Language::English, ENGLISH),
    (Language::Spanish, SPANISH),
    (Language::German, GERMAN),
    (Language::French, FRENCH),
    (Language::Portuguese, PORTUGUESE),
    (Language::Italian, ITALIAN),
];

/// Whether the word, in lower case, is a function word of the language. Those of another language
/// are words with a meaning: `hay`, `son`, `die`. A script without a list has none.
pub(super) fn is_function_word(word: &str, language: Language) -> bool {
    let list = LISTS.iter().find(|(of, _)| *of == language);
    list.is_some_and(|(_, list)| contains(list, word))
}

/// How many of the words are function words of each language, in the order of the lists.
pub(super) fn counts(words: &[String]) -> [(Language, usize); 6] {
    LISTS.map(|(language, list)| {
        let count = words.iter().filter(|word| contains(list, word)).count();
        (language, count)
    })
}

fn contains(list: &str, word: &str) -> bool {
    list.split(' ').any(|listed| listed == word)
}
