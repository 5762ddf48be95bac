//! The replies in English, Spanish, German, French, Portuguese and Italian.

use super::Replies;

pub(super) const ENGLISH: Replies = Replies {
    nothing_found: "I have not shared anything about that yet, and I would rather say so than \
        guess. Ask me about something from my material, or try other words.",
    shown_enough: "I have already quoted as much of this material to you as I may. Please ask \
        about something else, or get the original from its author.",
    quotation_intro: "This is what I have shared about it:",
    says_both: "My material says both, so please check which one holds for you:",
    crisis: "What you write sounds serious, and you should not be alone with it. I am an \
        assistant and cannot help in an emergency. If you are in danger, call your local \
        emergency number now (112 in Europe, 911 in the Americas). To talk to a person at \
        any hour, findahelpline.com lists free helplines in your country; in the United \
        States and Canada call or text 988. Please reach out to somebody near you as well.",
    greeting: "Hello! Ask me anything about my material, and I will show you what it says.",
    thanks: "You are welcome! Ask me whenever there is something else.",
    goodbye: "Goodbye, and all the best! I am here whenever you have another question.",
    about_the_assistant: "I am an automated assistant, not a person. I answer from the material \
        that has been shared here, and show where each answer comes from. What would you like \
        to know?",
};

pub(super) const SPANISH: Replies = Replies {
    nothing_found: "Todavía no he compartido nada sobre eso, y prefiero decirlo antes que \
        inventar. Pregúntame por algo de mi material o prueba con otras palabras.",
    shown_enough: "Ya te he citado de este material todo lo que puedo. Pregúntame por otra \
        cosa, por favor, o consigue el original de su autor.",
    quotation_intro: "Esto es lo que he compartido sobre ello:",
    says_both: "Mi material dice las dos cosas; comprueba, por favor, cuál vale para ti:",
    crisis: "Lo que escribes suena serio, y no deberías estar a solas con ello. Soy un asistente \
        y no puedo ayudar en una emergencia. Si estás en peligro, llama ya al número de \
        emergencias (112 en Europa, 911 en América). Para hablar con una persona a cualquier \
        hora, findahelpline.com muestra líneas gratuitas en tu país; en España llama al 024. \
        Por favor, habla también con alguien cercano.",
    greeting: "¡Hola! Pregúntame lo que quieras sobre mi material y te mostraré lo que dice.",
    thanks: "¡De nada! Pregúntame cuando quieras algo más.",
    goodbye: "¡Hasta pronto y que te vaya bien! Aquí estoy cuando tengas otra pregunta.",
    about_the_assistant: "Soy un asistente automático, no una persona. Respondo a partir del \
        material que se ha compartido aquí y muestro de dónde sale cada respuesta. ¿Qué quieres \
        saber?",
};

pub(super) const GERMAN: Replies = Replies {
    nothing_found: "Dazu habe ich noch nichts geteilt, und das sage ich lieber, als zu raten. \
        Frag mich nach etwas aus meinem Material oder versuche es mit anderen Worten.",
    shown_enough: "Aus diesem Material habe ich dir schon so viel zitiert, wie ich darf. Frag \
        mich bitte nach etwas anderem oder besorge dir das Original.",
    quotation_intro: "Das habe ich dazu geteilt:",
    says_both: "In meinem Material steht beides; bitte prüfe, was für dich gilt:",
    crisis: "Was du schreibst, klingt ernst, und du solltest damit nicht allein sein. Ich bin \
        ein Assistent und kann in einem Notfall nicht helfen. Wenn du in Gefahr bist, ruf jetzt \
        den Notruf an (112 in Europa). Mit einem Menschen sprechen kannst du rund um die Uhr: \
        In Deutschland ist die Telefonseelsorge unter 0800 1110111 kostenlos erreichbar, und \
        findahelpline.com nennt Angebote in deinem Land. Bitte sprich auch mit jemandem in \
        deiner Nähe.",
    greeting: "Hallo! Frag mich etwas zu meinem Material, und ich zeige dir, was darin steht.",
    thanks: "Gern geschehen! Frag mich, wann immer du noch etwas wissen möchtest.",
    goodbye: "Auf Wiedersehen und alles Gute! Ich bin da, wenn du wieder eine Frage hast.",
    about_the_assistant: "Ich bin ein automatischer Assistent und kein Mensch. Ich antworte aus \
        dem Material, das hier geteilt wurde, und zeige, woher jede Antwort stammt. Was möchtest \
        du wissen?",
};

pub(super) const FRENCH: Replies = Replies {
    nothing_found: "Je n'ai encore rien partagé à ce sujet, et je préfère le dire plutôt que \
        d'inventer. Posez-moi une question sur mes contenus ou essayez avec d'autres mots.",
    shown_enough: "Je vous ai déjà cité de ce contenu tout ce que je peux. Posez-moi une autre \
        question, ou procurez-vous l’original auprès de son auteur.",
    quotation_intro: "Voici ce que j'ai partagé à ce sujet :",
    says_both: "Mes contenus disent les deux ; vérifiez ce qui vaut pour vous :",
    crisis: "Ce que vous écrivez semble grave, et vous ne devriez pas rester seul avec cela. Je \
        suis un assistant et je ne peux pas aider en cas d'urgence. Si vous êtes en danger, \
        appelez tout de suite les secours (112 en Europe, 911 en Amérique). Pour parler à \
        quelqu'un à toute heure, appelez le 3114 en France ; findahelpline.com indique les \
        lignes d'écoute gratuites de votre pays. Parlez aussi à une personne proche de vous.",
    greeting: "Bonjour ! Posez-moi une question sur mes contenus et je vous montrerai ce qu'ils \
        disent.",
    thanks: "Avec plaisir ! Posez-moi une autre question quand vous voulez.",
    goodbye: "Au revoir et bonne continuation ! Je suis là si vous avez une autre question.",
    about_the_assistant: "Je suis un assistant automatique, pas une personne. Je réponds à partir \
        des contenus partagés ici et je montre d'où vient chaque réponse. Que voulez-vous \
        savoir ?",
};

pub(super) const PORTUGUESE: Replies = Replies {
    nothing_found: "Ainda não partilhei nada sobre isso, e prefiro dizê-lo a inventar. \
        Pergunte-me sobre algo do meu material ou tente com outras palavras.",
    shown_enough: "Já citei deste material tudo o que posso. Pergunte-me outra coisa, por \
        favor, ou obtenha o original com o autor.",
    quotation_intro: "Isto é o que partilhei sobre o assunto:",
    says_both: "O meu material diz as duas coisas; confirme qual vale para si:",
    crisis: "O que escreve parece sério, e não devia estar sozinho com isso. Sou um assistente e \
        não posso ajudar numa emergência. Se está em perigo, ligue já para o número de \
        emergência (112 na Europa, 192 no Brasil). Para falar com uma pessoa a qualquer hora, \
        ligue 188 no Brasil ou 213 544 545 em Portugal; findahelpline.com indica linhas de apoio \
        gratuitas no seu país. Fale também com alguém próximo.",
    greeting: "Olá! Pergunte-me o que quiser sobre o meu material e mostro o que lá está.",
    thanks: "De nada! Pergunte-me quando quiser saber mais alguma coisa.",
    goodbye: "Até breve e tudo de bom! Estou aqui quando tiver outra pergunta.",
    about_the_assistant: "Sou um assistente automático, não uma pessoa. Respondo a partir do \
        material partilhado aqui e mostro de onde vem cada resposta. O que quer saber?",
};

pub(super) const ITALIAN: Replies = Replies {
    nothing_found: "Non ho ancora condiviso nulla su questo, e preferisco dirlo piuttosto che \
        inventare. Chiedimi qualcosa del mio materiale o prova con altre parole.",
    shown_enough: "Di questo materiale ti ho già citato tutto ciò che posso. Chiedimi altro, \
        per favore, o procurati l’originale dal suo autore.",
    quotation_intro: "Ecco che cosa ho condiviso su questo:",
    says_both: "Il mio materiale dice entrambe le cose; verifica quale vale per te:",
    crisis: "Quello che scrivi sembra serio, e non dovresti restare da solo con questo. Sono un \
        assistente e non posso aiutare in un'emergenza. Se sei in pericolo, chiama subito il \
        numero di emergenza (112 in Europa). Per parlare con una persona, in Italia chiama \
        Telefono Amico allo 02 2327 2327; findahelpline.com elenca le linee di ascolto gratuite \
        nel tuo paese. Parla anche con qualcuno vicino a te.",
    greeting: "Ciao! Chiedimi qualcosa sul mio materiale e ti mostro che cosa dice.",
    thanks: "Prego! Chiedimi pure quando vuoi sapere altro.",
    goodbye: "A presto e buona fortuna! Sono qui quando hai un'altra domanda.",
    about_the_assistant: "Sono un assistente automatico, non una persona. Rispondo a partire dal \
        materiale condiviso qui e mostro da dove viene ogni risposta. Che cosa vuoi sapere?",
};
