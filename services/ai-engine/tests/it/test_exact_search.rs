//! What is meant exactly is found first: identifiers, addresses, numbers in other spellings, words
//! of scripts without spaces, words in another Unicode form.

use std::fmt::Write as _;

use crate::test_app::TestApp;

/// One section for each number, all alike but for it.
fn fault_codes(count: u32) -> String {
    let mut text = "# Bath heater fault codes\n\n".to_owned();
    for number in 1..=count {
        let code = 4400 + number;
        let _ = write!(
            text,
            "## ZX-{code}\n\nThe display of the bath heater shows ZX-{code} when sensor number \
             {number} reports nothing. Wait two minutes, switch the heater off at the wall and \
             look at cable {number} behind the panel before you call anybody.\n\n"
        );
    }
    text
}

/// Sections with something exact, each of its own.
const EXACT: &str = "\
# Contact and devices

## Bookings

Write to marta.ruiz@example.org for bookings of the studio, and to nobody else in the office.

## Web site

Our pages are at https://www.example.net/sleep/wake and they are updated every single week.

## Calls

The desk can be reached at +34 600 123 456 on working days between nine and five in the afternoon.

## Firmware

Version v1.2.3 of the firmware mends the alarm that rang twice on the first day of each month.

## Price

The retreat costs 1.250,50 euros for each person, which includes all of the meals and the towels.

## Start

The next retreat begins on 2027-03-14 at the mill, and people arrive there the evening before it.

## Rest

Sleep 3.5 hours before a night shift, with the curtains closed and the telephone in another room.

## Nutrition

Omega-3 is found in walnuts, linseed and oily fish, which are served on two evenings of the week.

## Course

The course C# for beginners is held by two teachers, and there is a break after each of the hours.
";

/// What is searched, and how the section begins that has it.
const QUERIES: [(&str, &str); 16] = [
    ("marta.ruiz@example.org", "Write to marta"),
    ("Who is MARTA.RUIZ@example.org?", "Write to marta"),
    ("example.org", "Write to marta"),
    ("www.example.net", "Our pages"),
    ("example.net", "Our pages"),
    ("+34 600-123-456", "The desk"),
    ("600123456", "The desk"),
    ("1.2.3", "Version v1.2.3"),
    ("v1.2.3", "Version v1.2.3"),
    ("1250.50", "The retreat costs"),
    ("1.250,50 euros", "The retreat costs"),
    ("2027-03-14", "The next retreat"),
    ("3.5 hours", "Sleep 3.5"),
    ("omega-3", "Omega-3"),
    ("c#", "The course C#"),
    ("\u{201c}all of the meals\u{201d}", "The retreat costs"),
];

#[tokio::test]
async fn every_code_of_alike_sections_is_found_first() {
    let app = TestApp::new().await;
    let count = 40;
    app.index(app.tenant, &fault_codes(count)).await;
    app.index(app.tenant, EXACT).await;
    for number in 1..=count {
        let code = format!("ZX-{}", 4400 + number);
        for query in [
            code.clone(),
            format!("what does {} mean?", code.to_lowercase()),
        ] {
            let found = app.search(app.tenant, &query).await;
            let first = found.first().map_or("", |source| source.text.as_str());
            assert!(first.contains(&code), "{query}: {first}");
        }
    }
    for (query, start) in QUERIES {
        let found = app.search(app.tenant, query).await;
        let first = found.first().map_or("", |source| source.text.as_str());
        assert!(first.starts_with(start), "{query}: {first}");
    }
}

#[tokio::test]
async fn words_are_found_in_every_script_and_form() {
    let app = TestApp::new().await;
    let sections = [
        "睡前八小时不要喝咖啡，下午也最好改喝温水，这样晚上更容易入睡。",
        "课程开始前十四天之内可以全额退款，钱会退回到原来的银行卡上。",
        "学员的汽车可以停在磨坊后面的空地，晚上十点以前必须开走。",
        "夕方のコーヒーは控えて、ぬるめのお湯で体を温めましょう。",
        "ห้ามดื่มกาแฟก่อนนอนแปดชั่วโมง",
        "हिन्दी में साँस लेने का अभ्यास रोज़ करें।",
        "Am Fru\u{308}hstu\u{308}ckstisch liegt die Zeitung von gestern.",
        "Der Schlaf\u{ad}rhythmus und das Ge\u{200b}dächtnis hängen zusammen.",
        "القهوة ممنوعة بعد الظهر في هذه المدرسة",
    ];
    let text = sections
        .map(|section| format!("## §\n\n{section}\n\n"))
        .concat();
    app.index(app.tenant, &text).await;
    for (query, word) in [
        ("咖啡", "咖啡"),
        ("退款", "退款"),
        ("汽车", "汽车"),
        ("コーヒー", "コーヒー"),
        ("กาแฟ", "กาแฟ"),
        ("हिन्दी", "हिन्दी"),
        ("Frühstückstisch", "stisch"),
        ("Fru\u{308}hstu\u{308}ckstisch", "stisch"),
        ("fruhstuckstisch", "stisch"),
        ("Schlafrhythmus", "rhythmus"),
        ("Gedächtnis", "rhythmus"),
        ("القهوة", "القهوة"),
    ] {
        let found = app.search(app.tenant, query).await;
        let first = found.first().map_or("", |source| source.text.as_str());
        assert!(first.contains(word), "{query}: {first}");
    }
}
