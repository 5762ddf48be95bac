// The web widget of the Creator Platform, which a page embeds with one script element. It works
// under a strict Content-Security-Policy: no inline script or style, and no HTML made from strings.

import { readPage } from "./page";
import { Widget } from "./widget";

const page = readPage();
if (page) {
  window.__creatorWidget = true;
  const widget = new Widget(page);
  widget.listen();
  if (document.body) void widget.begin();
  else addEventListener("DOMContentLoaded", () => void widget.begin());
}
