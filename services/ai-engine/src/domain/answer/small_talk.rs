//! Recognises messages that ask for nothing: greetings, thanks, goodbyes, and talk about the
//! assistant itself.

use crate::domain::tokenizer::{without_accents, words};

/// What a message without a question is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SmallTalk {
    Greeting,
    Thanks,
    Goodbye,
    /// "Who are you?"
    AboutTheAssistant,
}

const GREETINGS: &str = "hello,hi,hey,hiya,howdy,hello there,hi there,hey there,good morning,\
    good afternoon,good evening,good day,greetings,how are you,how are you doing,how do you do,\
    how is it going,how s it going,what s up,nice to meet you,hola,buenas,buenos dias,\
    buenas tardes,buenas noches,que tal,como estas,como esta,mucho gusto,hallo,guten morgen,\
    guten tag,guten abend,gruss gott,servus,moin,gruezi,wie geht s,wie geht es dir,\
    wie geht es ihnen,bonjour,bonsoir,salut,coucou,ca va,comment ca va,comment allez vous,\
    comment vas tu,enchante,ola,oi,bom dia,boa tarde,boa noite,tudo bem,como vai,ciao,salve,\
    buongiorno,buonasera,buon giorno,buona sera,come stai,come va,come sta,piacere,\
    你好,您好,嗨,早上好,こんにちは,おはようございます,こんばんは,안녕하세요,안녕,مرحبا,السلام عليكم,\
    привет,здравствуйте,добрыи день,добрый день";
const THANKS: &str = "thanks,thank you,thank you so much,thank you very much,thanks a lot,\
    many thanks,thx,ty,cheers,much appreciated,great thanks,that helps,that helped,\
    that was helpful,very helpful,perfect,great,awesome,cool,ok,okay,got it,i see,nice,\
    gracias,muchas gracias,mil gracias,te lo agradezco,vale,perfecto,genial,de acuerdo,\
    entendido,danke,vielen dank,\
    danke schon,danke dir,besten dank,herzlichen dank,danke sehr,super,alles klar,verstanden,prima,\
    merci,merci beaucoup,merci bien,je vous remercie,d accord,parfait,compris,obrigado,obrigada,\
    muito obrigado,muito obrigada,valeu,perfeito,otimo,entendi,grazie,grazie mille,molte grazie,\
    ti ringrazio,perfetto,ottimo,capito,va bene,d accordo,谢谢,多谢,感谢,ありがとう,\
    ありがとうございます,감사합니다,고마워요,شكرا,спасибо";
const GOODBYES: &str = "bye,bye bye,goodbye,good bye,good night,see you,see you later,see you soon,\
    take care,have a nice day,have a good day,have a great day,until next time,adios,hasta luego,\
    hasta pronto,hasta manana,nos vemos,chao,tschuss,tschuess,auf wiedersehen,bis bald,bis dann,\
    bis spater,gute nacht,schonen tag,schonen tag noch,au revoir,a bientot,a plus,bonne journee,\
    bonne soiree,bonne nuit,tchau,adeus,ate logo,ate breve,ate mais,ate amanha,arrivederci,\
    a presto,ci vediamo,buona giornata,buonanotte,buona notte,再见,拜拜,さようなら,안녕히 계세요,\
    مع السلامة,до свидания,пока";
const ABOUT: &str = "who are you,what are you,are you a bot,are you a robot,are you an ai,\
    are you human,are you a human,are you real,are you a real person,are you a person,\
    are you a machine,am i talking to a bot,am i talking to a human,am i talking to a person,\
    am i talking to a real person,is this a bot,what can you do,what can you do for me,\
    what do you do,how can you help me,how can you help,what is your name,what s your name,\
    what can i ask,what can i ask you,can you help me,quien eres,que eres,eres un bot,\
    eres un robot,eres humano,eres humana,eres una persona,eres una ia,eres real,que puedes hacer,\
    que sabes hacer,como te llamas,en que puedes ayudarme,puedes ayudarme,wer bist du,\
    wer sind sie,was bist du,bist du ein bot,bist du ein roboter,bist du ein mensch,bist du echt,\
    bist du eine ki,sind sie ein bot,sind sie ein mensch,was kannst du,wie heisst du,\
    wie kannst du mir helfen,kannst du mir helfen,qui es tu,qui etes vous,es tu un robot,\
    es tu un bot,es tu humain,etes vous un robot,etes vous humain,etes vous un bot,\
    etes vous une personne,que peux tu faire,que pouvez vous faire,comment t appelles tu,\
    comment vous appelez vous,quem e voce,quem es tu,voce e um robo,voce e um bot,\
    voce e humano,voce e uma pessoa,es um robo,o que voce pode fazer,o que podes fazer,\
    qual e o seu nome,qual e o teu nome,chi sei,cosa sei,sei un bot,sei un robot,sei umano,\
    sei una persona,sei reale,sei una ia,cosa puoi fare,cosa sai fare,come ti chiami,\
    你是谁,你是机器人吗,あなたは誰ですか,ロボットですか,누구세요,من أنت,кто ты,кто вы,ты бот,вы бот";
/// Calls for help, if nothing else is said.
const HELP: &str = "help,ayuda,hilfe,aide,ajuda,aiuto";
/// Words that may stand beside small talk.
const FILLERS: &str = "again,all,and,assistant,bot,chat,dear,everyone,folks,for,friend,guys,help,\
    there,team,today,you,your,the,so,much,very,oh,ah,well,then,now,really,this,a,todos,amigo,\
    amiga,y,por,tu,su,ayuda,muy,bien,zusammen,und,dir,ihnen,fur,die,hilfe,noch,sehr,tous,a,et,\
    pour,votre,ton,aide,beaucoup,e,pela,sua,ajuda,tutti,per,il,tuo,l,yes,si,ja,oui,sim";

/// What the message is, if nothing in it asks for something. A greeting before a question is a
/// question.
pub(crate) fn detect(text: &str) -> Option<SmallTalk> {
    let plain = |word: String| without_accents(&word).unwrap_or(word);
    let words: Vec<String> = words(text).into_iter().map(plain).collect();
    if let [word] = words.as_slice()
        && is_in(HELP, word)
    {
        return Some(SmallTalk::AboutTheAssistant);
    }
    let mut left = words.as_slice();
    let mut found = None;
    while let Some((first, rest)) = left.split_first() {
        if let Some((kind, length)) = longest_phrase(left) {
            found = found.max(Some(kind));
            left = &left[length..];
        } else if is_in(FILLERS, first) {
            left = rest;
        } else {
            return None;
        }
    }
    found
}

/// The longest phrase with which the words begin.
fn longest_phrase(words: &[String]) -> Option<(SmallTalk, usize)> {
    /// The words of the longest phrase.
    const MAX_PHRASE: usize = 6;
    (1..=words.len().min(MAX_PHRASE)).rev().find_map(|length| {
        let phrase = words[..length].join(" ");
        let lists = [
            (SmallTalk::AboutTheAssistant, ABOUT),
            (SmallTalk::Goodbye, GOODBYES),
            (SmallTalk::Thanks, THANKS),
            (SmallTalk::Greeting, GREETINGS),
        ];
        let mut kinds = lists.into_iter();
        let (kind, _) = kinds.find(|(_, list)| is_in(list, &phrase))?;
        Some((kind, length))
    })
}

fn is_in(list: &str, phrase: &str) -> bool {
    list.split(',').any(|listed| listed == phrase)
}

#[cfg(test)]
mod tests {
    use super::SmallTalk::{self, *};
    use super::detect;

    const CASES: &[(SmallTalk, &[&str])] = &[
        (
            Greeting,
            &[
                "Hello!",
                "hi there 👋",
                "Good morning",
                "Hello, how are you?",
                "¡Hola! ¿Qué tal?",
                "Buenos días",
                "Guten Tag",
                "Hallo zusammen",
                "Bonjour à tous",
                "Olá, tudo bem?",
                "Buongiorno a tutti",
                "你好！",
                "こんにちは",
            ],
        ),
        (
            Thanks,
            &[
                "Thanks",
                "Thank you so much for your help!",
                "OK, thanks",
                "Muchas gracias",
                "Vielen Dank für die Hilfe",
                "Merci beaucoup",
                "Muito obrigado!",
                "Grazie mille",
            ],
        ),
        (
            Goodbye,
            &[
                "Bye!",
                "Thanks, goodbye",
                "Hasta luego",
                "Tschüss",
                "Au revoir",
                "Até logo",
                "Arrivederci",
            ],
        ),
        (
            AboutTheAssistant,
            &[
                "Who are you?",
                "Help!",
                "Hi, are you a bot?",
                "¿Eres un robot?",
                "Bist du ein Mensch?",
                "Êtes-vous un robot ?",
                "Quem é você?",
                "Chi sei?",
            ],
        ),
    ];

    #[test]
    fn messages_that_ask_for_nothing_are_recognised_in_six_languages() {
        for (kind, texts) in CASES {
            for text in *texts {
                assert_eq!(detect(text), Some(*kind), "{text}");
            }
        }
    }

    #[test]
    fn a_greeting_before_a_question_is_a_question() {
        for text in [
            "Hello, what does a session cost?",
            "Hi! Refunds?",
            "Thanks, and for children?",
            "Hola, ¿cuánto cuesta?",
            "Hallo, gibt es Parkplätze?",
            "Bonjour, où est le parking ?",
            "Olá, quanto custa?",
            "Ciao, quanto costa?",
            "Why?",
            "Who are you working with?",
            "How do I say goodbye to a client?",
            "",
            "?!",
        ] {
            assert_eq!(detect(text), None, "{text}");
        }
    }
}
