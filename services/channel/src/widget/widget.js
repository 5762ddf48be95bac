// The web widget of the Creator Platform. Plain JavaScript, no build step, no dependency. Works
// under a strict Content-Security-Policy: no inline script or style, no HTML out of strings.
(() => {
  "use strict";
  const script = document.currentScript;
  const channel = script && script.dataset.channel;
  if (!channel || window.__creatorWidget) return;
  window.__creatorWidget = true;

  const base = new URL(".", script.src).href; // …/channels/v1/
  const key = (name) => `creator-widget:${channel}:${name}`;
  const MAX_LENGTH = 2000;
  const TYPING_TTL = 12000; // the service repeats its signal every 4 s
  const quiet = matchMedia("(prefers-reduced-motion: reduce)");

  // Storage may be forbidden by the browser or full; the widget then simply forgets.
  const store = {
    get(area, name) { try { return window[area].getItem(key(name)); } catch { return null; } },
    set(area, name, value) {
      try {
        if (value === null) window[area].removeItem(key(name));
        else window[area].setItem(key(name), value);
      } catch { /* forgotten */ }
    },
  };

  const el = (tag, attributes = {}, ...children) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name === "class") node.className = value;
      else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else if (value === true) node.setAttribute(name, "");
      else if (value !== false && value != null) node.setAttribute(name, value);
    }
    node.append(...children.filter((child) => child != null));
    return node;
  };
  const SVG = "http://www.w3.org/2000/svg";
  const icon = (...paths) => {
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("aria-hidden", "true");
    for (const d of paths) {
      const path = document.createElementNS(SVG, "path");
      path.setAttribute("d", d);
      svg.append(path);
    }
    return svg;
  };

  const CSS = `
:host{all:initial;position:fixed;z-index:2147483000;inset:0;pointer-events:none;
 font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;
 --accent:#4f46e5;--on-accent:#fff;--ground:#fff;--soft:#f4f4f6;--line:#e5e5ea;--text:#1c1c22;
 --dim:#62626e;--warn:#a3330b;--warn-ground:#fff4ec;--shadow:0 12px 40px rgb(15 15 30/.22);
 color-scheme:light}
:host([theme=dark]){--ground:#1b1b21;--soft:#2a2a33;--line:#3a3a45;--text:#f1f1f5;--dim:#a9a9b6;
 --warn:#ffb690;--warn-ground:#3a2418;--shadow:0 12px 40px rgb(0 0 0/.6);color-scheme:dark}
*{box-sizing:border-box}
[hidden]{display:none!important}
button{font:inherit;color:inherit;border:0;background:none;padding:0;cursor:pointer}
svg{width:24px;height:24px;fill:none;stroke:currentColor;stroke-width:2;stroke-linecap:round;
 stroke-linejoin:round;display:block}
:focus-visible{outline:3px solid var(--ring);outline-offset:2px}
.launcher{pointer-events:auto;position:absolute;width:60px;height:60px;border-radius:50%;
 background:var(--accent);color:var(--on-accent);display:grid;place-items:center;
 box-shadow:0 6px 22px rgb(15 15 30/.28);transition:transform .18s ease,box-shadow .18s ease}
.launcher svg{width:28px;height:28px;grid-area:1/1;transition:opacity .18s,rotate .18s}
.launcher svg+svg,.open .launcher svg{opacity:0;rotate:-45deg}
.open .launcher svg+svg{opacity:1;rotate:0deg}
.launcher:hover{transform:translateY(-2px) scale(1.04);box-shadow:0 10px 28px rgb(15 15 30/.34)}
.launcher:active{transform:scale(.96)}
.badge{position:absolute;top:2px;right:2px;width:14px;height:14px;border-radius:50%;
 background:#e5484d;border:2px solid #fff}
.panel{pointer-events:auto;position:absolute;width:392px;max-width:calc(100vw - 32px);
 height:min(640px,calc(100dvh - 120px));background:var(--ground);color:var(--text);
 border-radius:18px;box-shadow:var(--shadow);display:flex;flex-direction:column;overflow:hidden;
 border:1px solid var(--line);animation:rise .22s cubic-bezier(.2,.8,.3,1)}
.bottom-right .launcher{right:22px;bottom:22px}.bottom-right .panel{right:22px;bottom:96px}
.bottom-left .launcher{left:22px;bottom:22px}.bottom-left .panel{left:22px;bottom:96px}
.top-right .launcher{right:22px;top:22px}.top-right .panel{right:22px;top:96px}
.top-left .launcher{left:22px;top:22px}.top-left .panel{left:22px;top:96px}
@keyframes rise{from{opacity:0;transform:translateY(14px) scale(.98)}}
header{display:flex;align-items:center;gap:12px;padding:14px 12px 14px 18px;
 background:var(--accent);color:var(--on-accent)}
.avatar{flex:none;width:38px;height:38px;border-radius:50%;display:grid;place-items:center;
 font-weight:650;background:color-mix(in srgb,var(--on-accent) 18%,transparent)}
h2{margin:0;font-size:16px;line-height:1.25;font-weight:650;overflow:hidden;
 text-overflow:ellipsis;white-space:nowrap}
.titles{flex:1;min-width:0}
.state{font-size:12.5px;line-height:1.3;opacity:.88;display:flex;align-items:center;gap:6px}
.state::before{content:"";width:7px;height:7px;border-radius:50%;background:currentColor}
.state.online::before{background:var(--online)}
.close{width:40px;height:40px;border-radius:12px;display:grid;place-items:center}
.close:hover{background:color-mix(in srgb,var(--on-accent) 16%,transparent)}
header :focus-visible{outline-color:var(--on-accent)}
.log{flex:1;overflow-y:auto;overscroll-behavior:contain;padding:18px 16px 8px;display:flex;
 flex-direction:column;gap:12px;scrollbar-width:thin;scrollbar-color:var(--line) transparent}
.log>:first-child{margin-top:auto}
.turn{max-width:88%;display:flex;flex-direction:column;gap:6px;animation:appear .2s ease}
.turn.still{animation:none}
@keyframes appear{from{opacity:0;transform:translateY(6px)}}
.user{align-self:flex-end;align-items:flex-end}
.bot{align-self:flex-start}
.bubble{padding:10px 14px;border-radius:16px;overflow-wrap:anywhere}
.user .bubble{white-space:pre-wrap;background:var(--accent);color:var(--on-accent);
 border-bottom-right-radius:5px}
.bot .bubble{background:var(--soft);border-bottom-left-radius:5px}
.unsent .bubble,.broken .bubble{opacity:.62}
.note{font-size:12px;color:var(--dim)}
.bubble p,.bubble ul,.bubble ol,.bubble blockquote{margin:0 0 8px}
.bubble>:last-child{margin-bottom:0}
.bubble p{white-space:pre-wrap}
.bubble ul,.bubble ol{padding-left:20px}
.bubble h3{margin:0 0 6px;font-size:1em;font-weight:650}
.bubble blockquote{padding-left:12px;border-left:3px solid var(--accent)}
.bubble code{font:.92em ui-monospace,Menlo,Consolas,monospace;background:var(--line);
 padding:1px 5px;border-radius:5px}
.bubble a{color:inherit;text-underline-offset:2px}
.cite{font-size:.72em;line-height:1;vertical-align:.35em;font-weight:650;padding:1px 5px;
 margin-left:2px;border-radius:8px;background:color-mix(in srgb,var(--accent) 16%,var(--ground));
 color:var(--text)}
.writing .bubble>:last-child::after{content:"";display:inline-block;width:2px;height:1em;
 margin-left:3px;vertical-align:-2px;background:currentColor;animation:blink 1s steps(2) infinite}
@keyframes blink{50%{opacity:0}}
.sources{margin:0;padding:0 2px;list-style:none;display:flex;flex-direction:column;gap:4px;
 font-size:12.5px;line-height:1.35;color:var(--dim)}
.sources li{display:flex;gap:8px;align-items:baseline}
.sources b{flex:none;font-size:11px;font-weight:650;padding:1px 6px;border-radius:8px;
 background:color-mix(in srgb,var(--accent) 16%,var(--ground));color:var(--text)}
.dots{display:flex;gap:5px;padding:8px 2px}
.dots i{width:7px;height:7px;border-radius:50%;background:var(--dim);animation:dot 1.2s infinite}
.dots i:nth-child(2){animation-delay:.15s}.dots i:nth-child(3){animation-delay:.3s}
@keyframes dot{0%,60%,100%{opacity:.35;transform:none}30%{opacity:1;transform:translateY(-4px)}}
.trouble{align-self:stretch;display:flex;align-items:center;gap:10px;padding:9px 12px;
 border-radius:12px;font-size:13.5px;line-height:1.4;background:var(--warn-ground);
 color:var(--warn)}
.trouble span{flex:1}
.trouble button{flex:none;font-weight:650;padding:5px 11px;border-radius:9px;
 border:1px solid currentColor}
.newer{position:absolute;left:50%;translate:-50% 0;bottom:86px;padding:6px 14px;font-size:13px;
 border-radius:99px;background:var(--ground);border:1px solid var(--line);
 box-shadow:0 4px 14px rgb(15 15 30/.16)}
form{display:flex;align-items:flex-end;gap:8px;padding:10px 12px 12px;
 border-top:1px solid var(--line)}
textarea{flex:1;min-width:0;resize:none;font:inherit;font-size:16px;line-height:1.4;
 color:var(--text);background:var(--soft);border:1px solid transparent;border-radius:14px;
 padding:10px 14px;height:44px;max-height:132px}
textarea::placeholder{color:var(--dim);opacity:1}
textarea:focus{outline:none;border-color:var(--ring);box-shadow:0 0 0 1px var(--ring)}
.send{flex:none;width:44px;height:44px;border-radius:14px;display:grid;place-items:center;
 background:var(--accent);color:var(--on-accent);transition:opacity .15s,transform .15s}
.send:disabled{opacity:.4;cursor:default}
.send:not(:disabled):hover{transform:translateY(-1px)}
.count{position:absolute;right:70px;bottom:4px;font-size:11px;color:var(--warn)}
.sr{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);
 white-space:nowrap}
@media (max-width:480px){
 .panel{inset:0!important;width:100%;max-width:none;height:100dvh;border-radius:0;border:0}
 .open .launcher{display:none}
 form{padding-bottom:max(12px,env(safe-area-inset-bottom))}}
@media (prefers-reduced-motion:reduce){*,*::before,*::after{animation:none!important;
 transition:none!important}}
@media (forced-colors:active){.launcher,.send,.bubble,.panel{border:1px solid}}`;

  // ---- text: never markup. A little Markdown becomes elements, whose content is text. ----
  const INLINE = new RegExp([
    /\*\*([^*\n]+)\*\*/, /`([^`\n]+)`/, /\[(\d{1,2})\]/,
    /\[([^\]\n]+)\]\((https?:\/\/[^\s)]+)\)/, /(https?:\/\/[^\s<>()]+[^\s<>().,;:!?])/,
  ].map((part) => part.source).join("|"), "g");
  function inline(parent, text) {
    let at = 0;
    const link = (href, label) =>
      el("a", { href, target: "_blank", rel: "noopener nofollow ugc" }, label);
    for (const found of text.matchAll(INLINE)) {
      parent.append(text.slice(at, found.index));
      const [all, bold, code, cite, label, href, bare] = found;
      if (bold) parent.append(el("strong", {}, bold));
      else if (code) parent.append(el("code", {}, code));
      else if (cite) parent.append(el("span", { class: "cite", title: `Source ${cite}` }, cite));
      else parent.append(link(href || bare, label || bare));
      at = found.index + all.length;
    }
    parent.append(text.slice(at));
  }
  function prose(text) {
    const blocks = document.createDocumentFragment();
    let open = null;
    const into = (tag) => {
      if (!open || open.localName !== tag) blocks.append((open = el(tag)));
      return open;
    };
    for (const line of text.split("\n")) {
      const bullet = /^\s*[-*•]\s+(.*)/.exec(line);
      const number = /^\s*\d{1,3}[.)]\s+(.*)/.exec(line);
      const quote = /^>\s?(.*)/.exec(line);
      const head = /^#{1,6}\s+(.*)/.exec(line);
      if (!line.trim()) open = null;
      else if (bullet || number) {
        const item = el("li");
        inline(item, (bullet || number)[1]);
        into(bullet ? "ul" : "ol").append(item);
      } else {
        const fresh = head || !open || open.localName !== (quote ? "blockquote" : "p");
        const block = into(head ? "h3" : quote ? "blockquote" : "p");
        if (!fresh) block.append("\n");
        inline(block, head ? head[1] : quote ? quote[1] : line);
        if (head) open = null;
      }
    }
    return blocks;
  }

  // ---- the view ----
  const host = el("div", { id: "creator-widget" });
  const root = host.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(CSS);
  root.adoptedStyleSheets = [sheet];

  const badge = el("span", { class: "badge", hidden: true });
  const launcher = el("button", {
    class: "launcher", type: "button", "aria-expanded": "false", "aria-controls": "panel",
    onclick: () => toggle(),
  }, icon("M21 12a8.5 8.5 0 0 1-12.4 7.6L3 21l1.5-5.3A8.5 8.5 0 1 1 21 12z"),
  icon("M6 9l6 6 6-6"), badge);
  const title = el("h2", { id: "title" });
  const avatar = el("div", { class: "avatar", "aria-hidden": "true" });
  const state = el("div", { class: "state" }, "Connecting…");
  const log = el("div", {
    class: "log", role: "log", "aria-live": "off", "aria-label": "Conversation", tabindex: "0",
    onscroll: () => { newer.hidden = newer.hidden || atEnd(); },
  });
  const live = el("div", { class: "sr", "aria-live": "polite", role: "status" });
  const newer = el("button", {
    class: "newer", type: "button", hidden: true, onclick: () => toEnd(),
  }, "New message ↓");
  const count = el("span", { class: "count", "aria-live": "polite" });
  const input = el("textarea", {
    id: "input", rows: "1", maxlength: MAX_LENGTH, autocomplete: "off", enterkeyhint: "send",
    oninput: () => fit(),
    onkeydown: (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        submit();
      }
    },
  });
  const send = el("button", {
    class: "send", type: "submit", "aria-label": "Send", disabled: true,
  }, icon("M5 12h13", "M12 5l7 7-7 7"));
  const panel = el("section", {
    id: "panel", class: "panel", role: "dialog", "aria-labelledby": "title", hidden: true,
    onkeydown: (event) => { if (event.key === "Escape") toggle(false); },
  },
  el("header", {}, avatar, el("div", { class: "titles" }, title, state),
    el("button", {
      class: "close", type: "button", "aria-label": "Close chat", onclick: () => toggle(false),
    }, icon("M6 6l12 12", "M18 6L6 18"))),
  log, newer,
  el("form", { onsubmit: (event) => { event.preventDefault(); submit(); } },
    el("label", { class: "sr", for: "input" }, "Your message"), input, count, send),
  live);
  const frame = el("div", {}, panel, launcher);
  root.append(frame);

  const atEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight < 60;
  const toEnd = (smooth = true) => {
    newer.hidden = true;
    log.scrollTo({ top: log.scrollHeight, behavior: smooth && !quiet.matches ? "smooth" : "instant" });
  };
  // Follows the end only for whoever reads there.
  function keepEnd(change, own = false) {
    const follow = own || atEnd();
    change();
    if (follow) toEnd(false); else newer.hidden = false;
  }
  function fit() {
    input.style.setProperty("height", "44px");
    input.style.setProperty("height", `${Math.min(input.scrollHeight + 2, 132)}px`);
    const left = MAX_LENGTH - input.value.length;
    count.textContent = left < 200 ? `${left} left` : "";
    send.disabled = !input.value.trim();
  }
  function turn(kind, content, ...more) {
    const who = kind.startsWith("user") ? "You:" : `${title.textContent}:`;
    return el("div", { class: `turn ${kind}` }, el("span", { class: "sr" }, who),
      el("div", { class: "bubble" }, content), ...more);
  }

  // ---- what is shown: messages by number, and below them what is not stored yet ----
  const shown = new Map(); // seq → element
  let answer = null; // { replyTo, text, node } while one is made
  let typing = null;
  let trouble = null;
  let partial = null; // the words of an answer that broke off
  let last = 0;

  function place(seq, node) {
    const old = shown.get(seq);
    if (old) old.remove();
    shown.set(seq, node);
    node.dataset.seq = seq;
    const number = (other) => Number(other.dataset.seq) || Infinity;
    const next = [...log.children].find((other) => other !== welcome && number(other) > seq);
    log.insertBefore(node, next || null);
  }
  const welcome = turn("bot", "");
  function showUser(message) {
    last = Math.max(last, message.seq);
    const waiting = unsent.findIndex((one) => one.id === message.client_msg_id);
    if (waiting >= 0) return settle(message.client_msg_id, message.seq);
    keepEnd(() => place(message.seq, turn("user", message.content)));
  }
  const line = ({ number, title: name, heading }) => el("li", {}, el("b", {}, String(number)),
    el("span", {}, heading && heading !== name ? `${name} — ${heading}` : name));
  function showAnswer(message) {
    last = Math.max(last, message.seq);
    const spoken = answer && answer.replyTo === message.reply_to;
    const shownAlready = restoring || (spoken && answer.node);
    keepEnd(() => {
      if (spoken) endAnswer();
      if (!answer) stopTyping();
      clearTrouble();
      // The words are on the screen already: no second entrance.
      const node = turn(shownAlready ? "bot still" : "bot", prose(message.content));
      const cited = (message.sources || []).filter((source) => source.cited);
      if (cited.length) {
        node.append(el("ul", { class: "sources", "aria-label": "Sources" }, ...cited.map(line)));
      }
      place(message.seq, node);
    });
    if (!restoring) {
      live.textContent = message.content;
      badge.hidden = opened();
    }
  }
  function startAnswer(replyTo) {
    if (answer && answer.replyTo !== replyTo) endAnswer();
    if (!answer) answer = { replyTo, text: "", node: null };
    clearTrouble();
    if (!answer.node) showTyping();
  }
  function growAnswer(replyTo, text) {
    if (!answer || answer.replyTo !== replyTo) return; // came late: the whole answer follows
    stopTyping();
    answer.text += text;
    if (answer.queued) return;
    answer.queued = true;
    requestAnimationFrame(() => {
      if (!answer) return;
      answer.queued = false;
      keepEnd(() => {
        if (!answer.node) log.append((answer.node = turn("bot writing", "")));
        answer.node.querySelector(".bubble").replaceChildren(prose(answer.text));
      });
    });
  }
  function endAnswer() {
    if (answer && answer.node) answer.node.remove();
    answer = null;
    stopTyping();
  }
  function showTyping() {
    if (!typing) {
      const dots = el("div", { class: "dots", "aria-hidden": "true" }, el("i"), el("i"), el("i"));
      const node = turn("bot", dots);
      typing = { node };
      keepEnd(() => log.append(node));
    }
    clearTimeout(typing.timer);
    typing.timer = setTimeout(stopTyping, TYPING_TTL);
  }
  function stopTyping() {
    if (!typing) return;
    clearTimeout(typing.timer);
    typing.node.remove();
    typing = null;
  }
  function showTrouble(text, label, action) {
    clearTrouble();
    const act = () => { clearTrouble(); action(); };
    trouble = el("div", { class: "trouble", role: "alert" }, el("span", {}, text),
      action ? el("button", { type: "button", onclick: act }, label) : null);
    keepEnd(() => log.append(trouble));
  }
  function clearTrouble() {
    if (trouble) trouble.remove();
    if (partial) partial.remove();
    trouble = partial = null;
  }

  // ---- what the visitor says: kept until the service has it ----
  let unsent = [];
  function keep() {
    const messages = unsent.map(({ id, text }) => ({ id, text }));
    const value = messages.length ? JSON.stringify({ conversation, messages }) : null;
    store.set("localStorage", "unsent", value);
  }
  function showUnsent(message) {
    message.node = turn("user unsent", message.text, el("span", { class: "note" }, "Sending…"));
    keepEnd(() => log.append(message.node), true);
  }
  function submit() {
    const text = input.value.trim();
    if (!text) return;
    input.value = "";
    fit();
    clearTrouble();
    const message = { id: crypto.randomUUID ? crypto.randomUUID() : uuid(), text };
    unsent.push(message);
    showUnsent(message);
    keep();
    deliver(message);
    connect();
  }
  // Pages without TLS have no randomUUID.
  function uuid() {
    const b = crypto.getRandomValues(new Uint8Array(16));
    b[6] = (b[6] & 15) | 64;
    b[8] = (b[8] & 63) | 128;
    const hex = [...b].map((x) => x.toString(16).padStart(2, "0")).join("");
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  }
  function deliver(message) {
    if (ready) say({ type: "user_message", client_msg_id: message.id, content: message.text });
  }
  function settle(id, seq) {
    const at = unsent.findIndex((one) => one.id === id);
    if (at < 0) return;
    const [{ text }] = unsent.splice(at, 1).map((one) => { one.node.remove(); return one; });
    last = Math.max(last, seq);
    keepEnd(() => {
      place(seq, turn("user still", text));
    });
    keep();
  }
  function refuse(id, text) {
    const at = unsent.findIndex((one) => one.id === id);
    if (at < 0) return;
    const [message] = unsent.splice(at, 1);
    message.node.remove();
    if (!input.value) { input.value = message.text; fit(); }
    keep();
    showTrouble(text);
  }

  // ---- the connection ----
  let session = null;
  let conversation = null;
  let socket = null;
  let ready = false;
  let attempt = 0;
  let timer = null;
  let ended = false;
  let restoring = false;
  const opened = () => !panel.hidden;
  const say = (message) => socket.send(JSON.stringify(message));

  async function ask() {
    const visitor_token = store.get("localStorage", "visitor");
    const response = await fetch(`${base}widget/${channel}/sessions`, {
      method: "POST", headers: { "content-type": "application/json" }, credentials: "omit",
      body: JSON.stringify(visitor_token ? { visitor_token } : {}),
    });
    if (response.ok) return response.json();
    const problem = await response.json().catch(() => ({}));
    if (response.status === 401 && visitor_token) {
      store.set("localStorage", "visitor", null);
      return ask();
    }
    const error = new Error(problem.detail || response.statusText);
    error.final = response.status === 403 || response.status === 400;
    error.wait = Number(response.headers.get("retry-after")) * 1000 || 0;
    throw error;
  }
  async function renew() {
    const fresh = await ask();
    store.set("localStorage", "visitor", fresh.visitor_token);
    if (conversation && conversation !== fresh.conversation_id) clearView();
    conversation = fresh.conversation_id;
    session = fresh;
    dress(fresh.appearance);
  }
  function clearView() {
    for (const node of shown.values()) node.remove();
    shown.clear();
    last = 0;
    endAnswer();
    clearTrouble();
  }
  const fresh = () => session && Date.parse(session.expires_at) - Date.now() > 5000;

  async function connect() {
    if (ended || socket || timer === "busy") return;
    clearTimeout(timer);
    timer = "busy";
    try {
      if (!fresh()) await renew();
    } catch (error) {
      timer = null;
      if (error.final) return stop(error.message);
      return again(error.wait);
    }
    timer = null;
    const url = new URL(`widget/${channel}/socket`, base);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    url.search = new URLSearchParams({ token: session.token, since: last });
    const mine = (socket = new WebSocket(url));
    let greeted = false;
    mine.onmessage = (event) => {
      greeted = true;
      heard = Date.now();
      receive(JSON.parse(event.data));
    };
    mine.onclose = (event) => {
      if (socket !== mine) return;
      socket = null;
      ready = false;
      if (answer && !answer.node) endAnswer();
      if (event.code === 4403) return stop("This chat is closed.");
      // A refused upgrade shows no reason; a new session will tell it.
      if (event.code === 4401 || !greeted) session = null;
      if (event.code === 4401 && attempt === 0) { attempt = 1; return void connect(); }
      again();
    };
  }
  // Full jitter, 0.5 s to 30 s: a deployment must not bring all back at once.
  function again(wait = 0) {
    online(false);
    const most = Math.min(30000, 500 * 2 ** attempt++);
    timer = setTimeout(() => { timer = null; connect(); }, wait + Math.random() * most);
  }
  function stop(reason) {
    ended = true;
    online(false);
    console.warn(`[creator-widget] ${reason}`);
    if (!conversation) return host.remove();
    state.textContent = "Closed";
    input.disabled = send.disabled = true;
    showTrouble("This chat is closed.");
  }
  function online(yes) {
    state.className = yes ? "state online" : "state";
    const away = navigator.onLine === false ? "You are offline" : "Connecting…";
    state.textContent = yes ? "Online" : away;
  }

  let heard = 0;
  function receive(message) {
    switch (message.type) {
      case "status":
        attempt = 0;
        ready = true;
        online(true);
        if (!message.recovered) clearView();
        endAnswer();
        restoring = message.last_seq > last;
        restoreUntil = message.last_seq;
        if (message.answering) { answer = null; showTyping(); }
        unsent.forEach(deliver);
        break;
      case "ack": settle(message.client_msg_id, message.seq); break;
      case "user_message": showUser(message); break;
      case "ai_start": startAnswer(message.reply_to); break;
      case "ai_delta": growAnswer(message.reply_to, message.text); break;
      case "ai_response": showAnswer(message); break;
      case "error": fail(message); break;
      default: // newer than this script
    }
    if (restoring && last >= restoreUntil) { restoring = false; toEnd(false); }
  }
  let restoreUntil = 0;
  const WORDS = {
    dependency_unavailable: "The assistant cannot be reached right now.",
    answer_interrupted: "The answer broke off.",
    answer_timeout: "The answer took too long.",
    rate_limited: "Many people are asking right now.",
  };
  function fail(error) {
    const id = error.client_msg_id;
    if (id) {
      const message = unsent.find((one) => one.id === id);
      if (!message) return;
      if (!error.retry_after) return refuse(id, "This message could not be sent.");
      message.node.querySelector(".note").textContent = error.code === "rate_limited"
        ? `A little fast: sending again in ${error.retry_after} s` : "Sending again in a moment…";
      const onceMore = () => { if (unsent.includes(message)) deliver(message); };
      setTimeout(onceMore, error.retry_after * 1000 + 200);
      return;
    }
    if (error.reply_to) {
      const words = answer && answer.replyTo === error.reply_to ? answer.node : null;
      if (words) answer.node = null;
      endAnswer();
      showTrouble(WORDS[error.code] || "There is no answer this time.", "Try again", () => {
        if (ready) say({ type: "retry" });
      });
      if (words) {
        words.className = "turn bot broken";
        partial = words;
      }
    }
  }

  // A sleeping or offline device resumes at once, not after the pause.
  const resume = () => {
    if (!opened() || ended || document.visibilityState === "hidden") return;
    if (socket && socket.readyState === 1) {
      const asked = Date.now();
      say({ type: "ping" });
      const mine = socket;
      setTimeout(() => {
        if (socket !== mine || heard >= asked) return;
        mine.close();
        mine.onclose({ code: 1006 });
      }, 4000);
    } else if (typeof timer === "number") {
      clearTimeout(timer);
      timer = null;
      attempt = 0;
      connect();
    }
  };
  document.addEventListener("visibilitychange", resume);
  addEventListener("online", resume);
  addEventListener("pageshow", resume);
  addEventListener("offline", () => online(false));

  // ---- open and close, colours ----
  function toggle(open = !opened()) {
    if (open === opened()) return;
    panel.hidden = !open;
    frame.classList.toggle("open", open);
    launcher.setAttribute("aria-expanded", String(open));
    launcher.setAttribute("aria-label", open ? "Close chat" : `Chat with ${title.textContent}`);
    store.set("sessionStorage", "open", open ? "1" : null);
    if (open) {
      badge.hidden = true;
      connect();
      toEnd(false);
      input.focus({ preventScroll: true });
    } else launcher.focus({ preventScroll: true });
  }
  const luminance = (color) => [1, 3, 5]
    .map((at) => parseInt(color.slice(at, at + 2), 16) / 255)
    .map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, at) => sum + c * [0.2126, 0.7152, 0.0722][at], 0);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  let look = null;
  function dress(appearance) {
    look = appearance || look;
    title.textContent = look.name;
    avatar.textContent = [...look.name][0].toUpperCase();
    input.placeholder = look.placeholder;
    welcome.querySelector(".bubble").replaceChildren(prose(look.welcome_message));
    if (!welcome.isConnected) log.prepend(welcome);
    const bright = luminance(look.primary_color);
    const theme = look.theme === "auto" ? (dark.matches ? "dark" : "light") : look.theme;
    host.setAttribute("theme", theme);
    host.style.setProperty("--accent", look.primary_color);
    host.style.setProperty("--on-accent", bright > 0.36 ? "#15151a" : "#ffffff");
    host.style.setProperty("--online", bright > 0.36 ? "#0b6b35" : "#5ee27f");
    // A ring has to stand out from the ground, whatever colour the creator chose.
    const weak = theme === "dark" ? bright < 0.12 : bright > 0.3;
    host.style.setProperty("--ring", weak ? "var(--dim)" : look.primary_color);
    frame.className = `${look.position}${opened() ? " open" : ""}`;
    if (!opened()) launcher.setAttribute("aria-label", `Chat with ${look.name}`);
  }
  dark.addEventListener("change", () => look && dress());

  async function begin() {
    try {
      await renew();
    } catch (error) {
      if (error.final) return console.warn(`[creator-widget] ${error.message}`);
      const most = Math.min(30000, 1000 * 2 ** attempt++);
      return void setTimeout(begin, (error.wait || 0) + 1000 + Math.random() * most);
    }
    attempt = 0;
    try {
      const kept = JSON.parse(store.get("localStorage", "unsent") || "null");
      if (kept && kept.conversation === conversation) unsent = kept.messages;
    } catch { /* nothing kept that can be read */ }
    document.body.append(host);
    unsent.forEach(showUnsent);
    if (store.get("sessionStorage", "open")) toggle(true);
    else if (unsent.length) connect();
  }
  if (document.body) begin(); else addEventListener("DOMContentLoaded", begin);
})();
