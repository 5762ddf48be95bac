// The little Markdown that answers contain, as elements whose content is text and never markup.

import { element } from "./dom";

const INLINE = new RegExp(
  [
    /\*\*([^*\n]+)\*\*/, // bold
    /`([^`\n]+)`/, // code
    /(?<![\p{L}\p{N}_\\])\[(\d{1,2})\]/u, // the number of a source; not `list[0]`
    /\\([[\]])/, // an escaped bracket of the material: `\[3\]`
    /\[([^\]\n]+)\]\((https?:\/\/[^\s)]+)\)/, // a link with a label
    /(https?:\/\/[^\s<>()]+[^\s<>().,;:!?])/, // a bare address
  ]
    .map((part) => part.source)
    .join("|"),
  "gu",
);

const link = (href: string, label: string) =>
  element("a", { href, target: "_blank", rel: "noopener nofollow ugc" }, label);

function appendInline(parent: HTMLElement, text: string): void {
  let end = 0;
  for (const found of text.matchAll(INLINE)) {
    parent.append(text.slice(end, found.index));
    const [all, bold, code, citation, bracket, label, href, bare] = found;
    const address = href || bare;
    if (bold) parent.append(element("strong", {}, bold));
    else if (code) parent.append(element("code", {}, code));
    else if (citation) {
      const title = `Source ${citation}`;
      parent.append(element("span", { class: "cite", title }, citation));
    } else if (bracket) parent.append(bracket);
    else if (address) parent.append(link(address, label || address));
    end = found.index + all.length;
  }
  parent.append(text.slice(end));
}

type Block = "ul" | "ol" | "blockquote" | "h3" | "p";

/** Lists, quotes, headings and paragraphs. */
export function renderMarkdown(text: string): DocumentFragment {
  const blocks = document.createDocumentFragment();
  let open: HTMLElement | null = null;
  const continueOrOpen = (tag: Block): HTMLElement => {
    if (open?.localName === tag) return open;
    const block = element(tag);
    blocks.append(block);
    open = block;
    return block;
  };
  const appendLine = (tag: Block, line: string) => {
    const continues = tag !== "h3" && open?.localName === tag;
    const block = continueOrOpen(tag);
    if (continues) block.append("\n");
    appendInline(block, line);
    if (tag === "h3") open = null; // the next line is not part of the heading
  };
  const appendItem = (tag: "ul" | "ol", line: string) => {
    const item = element("li");
    appendInline(item, line);
    continueOrOpen(tag).append(item);
  };
  for (const line of text.split("\n")) {
    const [, bullet] = /^\s*[-*•]\s+(.*)/.exec(line) ?? [];
    const [, numbered] = /^\s*\d{1,3}[.)]\s+(.*)/.exec(line) ?? [];
    const [, quoted] = /^>\s?(.*)/.exec(line) ?? [];
    const [, heading] = /^#{1,6}\s+(.*)/.exec(line) ?? [];
    if (!line.trim()) open = null;
    else if (bullet !== undefined) appendItem("ul", bullet);
    else if (numbered !== undefined) appendItem("ol", numbered);
    else if (heading !== undefined) appendLine("h3", heading);
    else if (quoted !== undefined) appendLine("blockquote", quoted);
    else appendLine("p", line);
  }
  return blocks;
}
