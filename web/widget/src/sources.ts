// The line below an answer for each source that it cites.

import { element } from "./dom";
import type { Page } from "./page";
import type { Source } from "./protocol";

/** The title, where in the file the passage begins, and a link if visitors may open the original. */
export function sourceLine(page: Page, source: Source): HTMLElement {
  const { title, heading } = source;
  const name = heading && heading !== title ? `${title} — ${heading}` : title;
  const place = placeIn(source);
  const text = place ? `${name}, ${place}` : name;
  const shown = source.public
    ? element("a", { href: original(page, source), target: "_blank", rel: "noopener" }, text)
    : element("span", {}, text);
  return element("li", {}, element("b", {}, String(source.number)), shown);
}

/** Browsers open a PDF at the page that the fragment names. */
function original(page: Page, { document_id, position }: Source): string {
  const file = `${page.base}widget/${page.channel}/documents/${document_id}/file`;
  return position && "page" in position ? `${file}#page=${position.page}` : file;
}

/** For a person; an anchor means nothing to one. */
function placeIn({ position }: Source): string | null {
  if (!position) return null;
  if ("page" in position) return `page ${position.page}`;
  if ("slide" in position) return `slide ${position.slide}`;
  if ("seconds" in position) return time(position.seconds);
  if ("row" in position) {
    const { sheet, row } = position.row;
    return sheet ? `${sheet}, row ${row}` : `row ${row}`;
  }
  return null;
}

/** Minutes and seconds, with hours where there are any. */
function time(seconds: number): string {
  const two = (value: number) => String(Math.floor(value) % 60).padStart(2, "0");
  const short = `${two(seconds / 60)}:${two(seconds)}`;
  return seconds < 3600 ? short : `${Math.floor(seconds / 3600)}:${short}`;
}
