"""Writes one small file of each kind that is read, into the folder of the argument.

Needs: ebooklib 0.20, odfpy 1.4, openpyxl 3.1, python-docx 1.2, python-pptx 1.0, reportlab 5.1.
"""

import pathlib
import sys
import zipfile

import docx
import openpyxl
import pptx
from ebooklib import epub
from odf import opendocument, text as odf_text
from reportlab.pdfgen import canvas

GUIDE = """# House of crafts

## Pottery

The pottery course costs 85 euros and takes place on Saturdays.

## Weaving

Looms can be rented by the week.
"""
NOTES = """The greenhouse is heated from October to March.

Tomatoes are planted out in the middle of May.
"""
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>How to find us</title></head>
<body><nav><a href="/">Home</a></nav><main><h1 id="train">By train</h1>
<p>The station is a short walk from the garden; follow the river downstream to the gate.</p>
<h2 id="parking">By car</h2><p>Visitors park behind the old mill, where the meadow has been mown.</p>
</main></body></html>
"""
PRICES = """Village,Taxi fare
Oakham,40 euros
Elmswell,55 euros
"""
LECTURE = """1
00:00:05,000 --> 00:00:09,000
Rivers carve valleys in the shape of a V.

2
00:01:15,000 --> 00:01:19,000
Glaciers carve valleys in the shape of a U.
"""
INTERVIEW = """WEBVTT

00:02.000 --> 00:06.000
I learned my trade from my grandmother.

02:10.000 --> 02:14.000
The violin was varnished seven times.
"""


def word(path):
    document = docx.Document()
    document.add_heading("Terms of booking", level=1)
    document.add_paragraph("Rooms are reserved for the whole stay.")
    document.add_heading("Cancellation", level=2)
    document.add_paragraph("A booking can be cancelled free of charge until ten days before arrival.")
    table = document.add_table(rows=2, cols=2)
    for row, cells in zip(table.rows, [("Room", "Beds"), ("Attic", "3")]):
        for cell, content in zip(row.cells, cells):
            cell.text = content
    document.save(path)


def slides(path):
    presentation = pptx.Presentation()
    for title, body in [
        ("Flour", "Rye flour keeps for six months."),
        ("Sourdough", "Let the sourdough rest for fourteen hours."),
    ]:
        slide = presentation.slides.add_slide(presentation.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text = body
    presentation.save(path)


def sheet(path):
    workbook = openpyxl.Workbook()
    workbook.active.title = "Bicycles"
    workbook.active.append(["Bicycle", "Euros per day"])
    workbook.active.append(["Tandem", 28])
    boats = workbook.create_sheet("Boats")
    boats.append(["Boat", "Euros per day"])
    boats.append(["Canoe", 31])
    boats.append(["Kayak", 35])
    workbook.save(path)


def open_document(path):
    document = opendocument.OpenDocumentText()
    document.text.addElement(odf_text.H(outlinelevel=1, text="Choir"))
    document.text.addElement(odf_text.P(text="The choir rehearses on Thursdays in the chapel."))
    document.save(path)


def book(path):
    ebook = epub.EpubBook()
    ebook.set_identifier("beekeeping")
    ebook.set_title("Beekeeping")
    ebook.set_language("en")
    chapters = []
    for name, body in [
        ("one.xhtml", "<h1 id='start'>Beginnings</h1><p>Hives are set up in a sunny place.</p>"),
        ("two.xhtml", "<h1 id='winter'>Winter</h1><p>A bee colony needs twenty kilograms of honey "
         "to survive the winter.</p>"),
    ]:
        chapter = epub.EpubHtml(title=name, file_name=name, lang="en")
        chapter.content = body
        ebook.add_item(chapter)
        chapters.append(chapter)
    ebook.spine = chapters
    ebook.toc = chapters
    ebook.add_item(epub.EpubNcx())
    epub.write_epub(str(path), ebook)


def pages(path):
    report = canvas.Canvas(str(path))
    for line in ["The harbour was dredged in 1962.", "The lighthouse was automated in 1987."]:
        report.drawString(72, 700, line)
        report.showPage()
    report.save()


def vault(path):
    notes = {
        "Allotment/.obsidian/app.json": "{}",
        "Allotment/Tools.md": "Tools are in the [[Shed|green shed]].\n",
        "Allotment/Crops/Potatoes.md": "# Potatoes\n\nPotatoes are planted in the second week of "
        "April.\n\n## Harvest\n\nThey are dug up when the leaves turn yellow.\n",
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in notes.items():
            # A fixed time, so that the file does not change.
            archive.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), text)


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    texts = {"crafts.md": GUIDE, "route.html": PAGE, "taxi.csv": PRICES, "lecture.srt": LECTURE,
             "interview.vtt": INTERVIEW}
    for name, content in texts.items():
        (folder / name).write_text(content, encoding="utf-8")
    (folder / "garden.txt").write_bytes(NOTES.encode("utf-16"))
    for name, write in {"booking.docx": word, "bread.pptx": slides, "rental.xlsx": sheet,
                        "choir.odt": open_document, "bees.epub": book,
                        "harbour.pdf": pages, "allotment.zip": vault}.items():
        write(folder / name)


main(pathlib.Path(sys.argv[1]))
