// Generated from web/widget by `make generate`.
(function(){function e(){let e=document.currentScript;if(!(e instanceof HTMLScriptElement))return null;let t=e.dataset.channel;return!t||window.__creatorWidget?null:{channel:t,base:new URL(`.`,e.src).href}}var t=`http://www.w3.org/2000/svg`;function n(e,t={},...n){let r=document.createElement(e);for(let[e,n]of Object.entries(t))typeof n==`function`?r.addEventListener(e.slice(2),n):n===!0?r.setAttribute(e,``):n!==!1&&n!=null&&r.setAttribute(e,String(n));return r.append(...n.filter(e=>e!==null)),r}function r(...e){let n=document.createElementNS(t,`svg`);n.setAttribute(`viewBox`,`0 0 24 24`),n.setAttribute(`aria-hidden`,`true`);for(let r of e){let e=document.createElementNS(t,`path`);e.setAttribute(`d`,r),n.append(e)}return n}var i=new RegExp([/\*\*([^*\n]+)\*\*/,/`([^`\n]+)`/,/(?<![\p{L}\p{N}_\\])\[(\d{1,2})\]/u,/\\([[\]])/,/\[([^\]\n]+)\]\((https?:\/\/[^\s)]+)\)/,/(https?:\/\/[^\s<>()]+[^\s<>().,;:!?])/].map(e=>e.source).join(`|`),`gu`),a=(e,t)=>n(`a`,{href:e,target:`_blank`,rel:`noopener nofollow ugc`},t);function o(e,t){let r=0;for(let o of t.matchAll(i)){e.append(t.slice(r,o.index));let[i,s,c,l,u,d,f,p]=o,m=f||p;if(s)e.append(n(`strong`,{},s));else if(c)e.append(n(`code`,{},c));else if(l){let t=`Source ${l}`;e.append(n(`span`,{class:`cite`,title:t},l))}else u?e.append(u):m&&e.append(a(m,d||m));r=o.index+i.length}e.append(t.slice(r))}function s(e){let t=document.createDocumentFragment(),r=null,i=e=>{if(r?.localName===e)return r;let i=n(e);return t.append(i),r=i,i},a=(e,t)=>{let n=e!==`h3`&&r?.localName===e,a=i(e);n&&a.append(`
`),o(a,t),e===`h3`&&(r=null)},s=(e,t)=>{let r=n(`li`);o(r,t),i(e).append(r)};for(let t of e.split(`
`)){let[,e]=/^\s*[-*•]\s+(.*)/.exec(t)??[],[,n]=/^\s*\d{1,3}[.)]\s+(.*)/.exec(t)??[],[,i]=/^>\s?(.*)/.exec(t)??[],[,o]=/^#{1,6}\s+(.*)/.exec(t)??[];t.trim()?e===void 0?n===void 0?o===void 0?i===void 0?a(`p`,t):a(`blockquote`,i):a(`h3`,o):s(`ol`,n):s(`ul`,e):r=null}return t}var c=`form {
  display: flex;
  align-items: flex-end;
  gap: 8px;
  padding: 10px 12px 12px;
  border-top: 1px solid var(--line);
}
textarea {
  flex: 1;
  min-width: 0;
  resize: none;
  font: inherit;
  font-size: 16px;
  line-height: 1.4;
  color: var(--text);
  background: var(--soft);
  border: 1px solid transparent;
  border-radius: 14px;
  padding: 10px 14px;
  height: 44px;
  max-height: 132px;
}
textarea::placeholder {
  color: var(--dim);
  opacity: 1;
}
textarea:focus {
  outline: none;
  border-color: var(--ring);
  box-shadow: 0 0 0 1px var(--ring);
}
.send,
.stop {
  flex: none;
  width: 44px;
  height: 44px;
  border-radius: 14px;
  display: grid;
  place-items: center;
  transition:
    opacity 0.15s,
    transform 0.15s;
}
.send {
  background: var(--accent);
  color: var(--on-accent);
}
.stop {
  background: var(--soft);
  color: var(--text);
}
.send:disabled {
  opacity: 0.4;
  cursor: default;
}
.send:not(:disabled):hover {
  transform: translateY(-1px);
}
.count {
  position: absolute;
  right: 70px;
  bottom: 4px;
  font-size: 11px;
  color: var(--warn);
}
.sr {
  position: absolute;
  width: 1px;
  height: 1px;
  overflow: hidden;
  clip-path: inset(50%);
  white-space: nowrap;
}
`,l=`:host {
  all: initial;
  position: fixed;
  z-index: 2147483000;
  inset: 0;
  pointer-events: none;
  font:
    15px/1.5 system-ui,
    -apple-system,
    "Segoe UI",
    Roboto,
    "Helvetica Neue",
    Arial,
    sans-serif;
  --accent: #4f46e5;
  --on-accent: #fff;
  --ground: #fff;
  --soft: #f4f4f6;
  --line: #e5e5ea;
  --text: #1c1c22;
  --dim: #62626e;
  --warn: #a3330b;
  --warn-ground: #fff4ec;
  --shadow: 0 12px 40px rgb(15 15 30/0.22);
  color-scheme: light;
}
:host([theme="dark"]) {
  --ground: #1b1b21;
  --soft: #2a2a33;
  --line: #3a3a45;
  --text: #f1f1f5;
  --dim: #a9a9b6;
  --warn: #ffb690;
  --warn-ground: #3a2418;
  --shadow: 0 12px 40px rgb(0 0 0/0.6);
  color-scheme: dark;
}
* {
  box-sizing: border-box;
}
[hidden] {
  display: none !important;
}
button {
  font: inherit;
  color: inherit;
  border: 0;
  background: none;
  padding: 0;
  cursor: pointer;
}
svg {
  width: 24px;
  height: 24px;
  fill: none;
  stroke: currentColor;
  stroke-width: 2;
  stroke-linecap: round;
  stroke-linejoin: round;
  display: block;
}
:focus-visible {
  outline: 3px solid var(--ring);
  outline-offset: 2px;
}
.launcher {
  pointer-events: auto;
  position: absolute;
  width: 60px;
  height: 60px;
  border-radius: 50%;
  background: var(--accent);
  color: var(--on-accent);
  display: grid;
  place-items: center;
  box-shadow: 0 6px 22px rgb(15 15 30/0.28);
  transition:
    transform 0.18s ease,
    box-shadow 0.18s ease;
}
.launcher svg {
  width: 28px;
  height: 28px;
  grid-area: 1/1;
  transition:
    opacity 0.18s,
    rotate 0.18s;
}
.launcher svg + svg,
.open .launcher svg {
  opacity: 0;
  rotate: -45deg;
}
.open .launcher svg + svg {
  opacity: 1;
  rotate: 0deg;
}
.launcher:hover {
  transform: translateY(-2px) scale(1.04);
  box-shadow: 0 10px 28px rgb(15 15 30/0.34);
}
.launcher:active {
  transform: scale(0.96);
}
.badge {
  position: absolute;
  top: 2px;
  right: 2px;
  width: 14px;
  height: 14px;
  border-radius: 50%;
  background: #e5484d;
  border: 2px solid #fff;
}
.panel {
  pointer-events: auto;
  position: absolute;
  width: 392px;
  max-width: calc(100vw - 32px);
  height: min(640px, calc(100dvh - 120px));
  background: var(--ground);
  color: var(--text);
  border-radius: 18px;
  box-shadow: var(--shadow);
  display: flex;
  flex-direction: column;
  overflow: hidden;
  border: 1px solid var(--line);
  animation: rise 0.22s cubic-bezier(0.2, 0.8, 0.3, 1);
}
.bottom-right .launcher {
  right: 22px;
  bottom: 22px;
}
.bottom-right .panel {
  right: 22px;
  bottom: 96px;
}
.bottom-left .launcher {
  left: 22px;
  bottom: 22px;
}
.bottom-left .panel {
  left: 22px;
  bottom: 96px;
}
.top-right .launcher {
  right: 22px;
  top: 22px;
}
.top-right .panel {
  right: 22px;
  top: 96px;
}
.top-left .launcher {
  left: 22px;
  top: 22px;
}
.top-left .panel {
  left: 22px;
  top: 96px;
}
@keyframes rise {
  from {
    opacity: 0;
    transform: translateY(14px) scale(0.98);
  }
}
header {
  display: flex;
  align-items: center;
  gap: 12px;
  padding: 14px 12px 14px 18px;
  background: var(--accent);
  color: var(--on-accent);
}
.avatar {
  flex: none;
  width: 38px;
  height: 38px;
  border-radius: 50%;
  display: grid;
  place-items: center;
  font-weight: 650;
  background: color-mix(in srgb, var(--on-accent) 18%, transparent);
}
h2 {
  margin: 0;
  font-size: 16px;
  line-height: 1.25;
  font-weight: 650;
  overflow: hidden;
  text-overflow: ellipsis;
  white-space: nowrap;
}
.titles {
  flex: 1;
  min-width: 0;
}
.state {
  font-size: 12.5px;
  line-height: 1.3;
  opacity: 0.88;
  display: flex;
  align-items: center;
  gap: 6px;
}
.state::before {
  content: "";
  width: 7px;
  height: 7px;
  border-radius: 50%;
  background: currentColor;
}
.state.online::before {
  background: var(--online);
}
.close {
  width: 40px;
  height: 40px;
  border-radius: 12px;
  display: grid;
  place-items: center;
}
.close:hover {
  background: color-mix(in srgb, var(--on-accent) 16%, transparent);
}
header :focus-visible {
  outline-color: var(--on-accent);
}
`,u=`@media (max-width: 480px) {
  .panel {
    inset: 0 !important;
    width: 100%;
    max-width: none;
    height: 100dvh;
    border-radius: 0;
    border: 0;
  }
  .open .launcher {
    display: none;
  }
  form {
    padding-bottom: max(12px, env(safe-area-inset-bottom));
  }
}
@media (prefers-reduced-motion: reduce) {
  *,
  *::before,
  *::after {
    animation: none !important;
    transition: none !important;
  }
}
@media (forced-colors: active) {
  .launcher,
  .send,
  .bubble,
  .panel {
    border: 1px solid;
  }
}
`,d=`.log {
  flex: 1;
  overflow-y: auto;
  overscroll-behavior: contain;
  padding: 18px 16px 8px;
  display: flex;
  flex-direction: column;
  gap: 12px;
  scrollbar-width: thin;
  scrollbar-color: var(--line) transparent;
}
.log > :first-child {
  margin-top: auto;
}
.turn {
  max-width: 88%;
  display: flex;
  flex-direction: column;
  gap: 6px;
  animation: appear 0.2s ease;
}
.turn.still {
  animation: none;
}
@keyframes appear {
  from {
    opacity: 0;
    transform: translateY(6px);
  }
}
.user {
  align-self: flex-end;
  align-items: flex-end;
}
.bot {
  align-self: flex-start;
}
.bubble {
  padding: 10px 14px;
  border-radius: 16px;
  overflow-wrap: anywhere;
}
.user .bubble {
  white-space: pre-wrap;
  background: var(--accent);
  color: var(--on-accent);
  border-bottom-right-radius: 5px;
}
.bot .bubble {
  background: var(--soft);
  border-bottom-left-radius: 5px;
}
.unsent .bubble,
.broken .bubble {
  opacity: 0.62;
}
.note {
  font-size: 12px;
  color: var(--dim);
}
.bubble p,
.bubble ul,
.bubble ol,
.bubble blockquote {
  margin: 0 0 8px;
}
.bubble > :last-child {
  margin-bottom: 0;
}
.bubble p {
  white-space: pre-wrap;
}
.bubble ul,
.bubble ol {
  padding-left: 20px;
}
.bubble h3 {
  margin: 0 0 6px;
  font-size: 1em;
  font-weight: 650;
}
.bubble blockquote {
  padding-left: 12px;
  border-left: 3px solid var(--accent);
}
.bubble code {
  font:
    0.92em ui-monospace,
    Menlo,
    Consolas,
    monospace;
  background: var(--line);
  padding: 1px 5px;
  border-radius: 5px;
}
.bubble a {
  color: inherit;
  text-underline-offset: 2px;
}
.cite {
  font-size: 0.72em;
  line-height: 1;
  vertical-align: 0.35em;
  font-weight: 650;
  padding: 1px 5px;
  margin-left: 2px;
  border-radius: 8px;
  background: color-mix(in srgb, var(--accent) 16%, var(--ground));
  color: var(--text);
}
.writing .bubble > :last-child::after {
  content: "";
  display: inline-block;
  width: 2px;
  height: 1em;
  margin-left: 3px;
  vertical-align: -2px;
  background: currentColor;
  animation: blink 1s steps(2) infinite;
}
@keyframes blink {
  50% {
    opacity: 0;
  }
}
.sources {
  margin: 0;
  padding: 0 2px;
  list-style: none;
  display: flex;
  flex-direction: column;
  gap: 4px;
  font-size: 12.5px;
  line-height: 1.35;
  color: var(--dim);
}
.sources li {
  display: flex;
  gap: 8px;
  align-items: baseline;
}
.sources b {
  flex: none;
  font-size: 11px;
  font-weight: 650;
  padding: 1px 6px;
  border-radius: 8px;
  background: color-mix(in srgb, var(--accent) 16%, var(--ground));
  color: var(--text);
}
.sources a {
  color: inherit;
  text-underline-offset: 2px;
}
.dots {
  display: flex;
  gap: 5px;
  padding: 8px 2px;
}
.dots i {
  width: 7px;
  height: 7px;
  border-radius: 50%;
  background: var(--dim);
  animation: dot 1.2s infinite;
}
.dots i:nth-child(2) {
  animation-delay: 0.15s;
}
.dots i:nth-child(3) {
  animation-delay: 0.3s;
}
@keyframes dot {
  0%,
  60%,
  100% {
    opacity: 0.35;
    transform: none;
  }
  30% {
    opacity: 1;
    transform: translateY(-4px);
  }
}
.trouble {
  align-self: stretch;
  display: flex;
  align-items: center;
  gap: 10px;
  padding: 9px 12px;
  border-radius: 12px;
  font-size: 13.5px;
  line-height: 1.4;
  background: var(--warn-ground);
  color: var(--warn);
}
.trouble span {
  flex: 1;
}
.trouble button {
  flex: none;
  font-weight: 650;
  padding: 5px 11px;
  border-radius: 9px;
  border: 1px solid currentColor;
}
.newer {
  position: absolute;
  left: 50%;
  translate: -50% 0;
  bottom: 86px;
  padding: 6px 14px;
  font-size: 13px;
  border-radius: 99px;
  background: var(--ground);
  border: 1px solid var(--line);
  box-shadow: 0 4px 14px rgb(15 15 30/0.16);
}
`,f=2e3,p=200,m=60,h=class{events;host=n(`div`,{id:`creator-widget`});badge=n(`span`,{class:`badge`,hidden:!0});title=n(`h2`,{id:`title`});avatar=n(`div`,{class:`avatar`,"aria-hidden":`true`});state=n(`div`,{class:`state`},`Connecting…`);live=n(`div`,{class:`sr`,"aria-live":`polite`,role:`status`});launcher;log;input;panel;frame;newer;givenBack=``;count=n(`span`,{class:`count`,"aria-live":`polite`});send;stop;reducedMotion=matchMedia(`(prefers-reduced-motion: reduce)`);constructor(e){this.events=e,this.launcher=this.buildLauncher(e),this.log=n(`div`,{class:`log`,role:`log`,"aria-live":`off`,"aria-label":`Conversation`,tabindex:`0`,onscroll:()=>{this.newer.hidden=this.newer.hidden||this.isAtEnd()}}),this.newer=n(`button`,{class:`newer`,type:`button`,hidden:!0,onclick:()=>this.scrollToEnd()},`New message ↓`),this.input=this.buildInput(e),this.send=n(`button`,{class:`send`,type:`submit`,"aria-label":`Send`,disabled:!0},r(`M5 12h13`,`M12 5l7 7-7 7`)),this.stop=n(`button`,{class:`stop`,type:`button`,"aria-label":`Stop the answer`,hidden:!0,onclick:()=>e.stop()},r(`M8 8h8v8H8z`)),this.panel=this.buildPanel(e),this.frame=n(`div`,{},this.panel,this.launcher);let t=this.host.attachShadow({mode:`open`}),i=new CSSStyleSheet;i.replaceSync(l+d+c+u),t.adoptedStyleSheets=[i],t.append(this.frame)}buildLauncher(e){return n(`button`,{class:`launcher`,type:`button`,"aria-expanded":`false`,"aria-controls":`panel`,onclick:()=>e.toggle()},r(`M21 12a8.5 8.5 0 0 1-12.4 7.6L3 21l1.5-5.3A8.5 8.5 0 1 1 21 12z`),r(`M6 9l6 6 6-6`),this.badge)}buildInput(e){return n(`textarea`,{id:`input`,rows:`1`,maxlength:f,autocomplete:`off`,enterkeyhint:`send`,oninput:()=>this.fitInput(),onkeydown:t=>{t.key===`Enter`&&!t.shiftKey&&!t.isComposing&&(t.preventDefault(),e.submit())}})}buildPanel(e){let t=n(`button`,{class:`close`,type:`button`,"aria-label":`Close chat`,onclick:()=>e.toggle(!1)},r(`M6 6l12 12`,`M18 6L6 18`)),i=n(`header`,{},this.avatar,n(`div`,{class:`titles`},this.title,this.state),t),a=n(`form`,{onsubmit:t=>{t.preventDefault(),e.submit()}},n(`label`,{class:`sr`,for:`input`},`Your message`),this.input,this.count,this.stop,this.send);return n(`section`,{id:`panel`,class:`panel`,role:`dialog`,"aria-labelledby":`title`,hidden:!0,onkeydown:t=>{t.key===`Escape`&&e.toggle(!1)}},i,this.log,this.newer,a,this.live)}isOpen(){return!this.panel.hidden}setOnline(e){this.state.className=e?`state online`:`state`;let t=navigator.onLine?`Connecting…`:`You are offline`;this.state.textContent=e?`Online`:t}setAnswering(e){if(this.stop.hidden!==e)return;let t=this.stop.matches(`:focus`);this.stop.hidden=!e,t&&this.input.focus({preventScroll:!0})}setClosed(){this.state.textContent=`Closed`,this.input.readOnly=!0,this.fitInput()}scrollToEnd(e=!0){this.newer.hidden=!0;let t=e&&!this.reducedMotion.matches?`smooth`:`instant`;this.log.scrollTo({top:this.log.scrollHeight,behavior:t})}changeLog(e,t=!1){let n=t||this.isAtEnd();e(),n?this.scrollToEnd(!1):this.newer.hidden=!1}isAtEnd(){return this.log.scrollHeight-this.log.scrollTop-this.log.clientHeight<m}get message(){let e=this.input.value.replace(/[\v\f\u0085\u2028\u2029]/g,`
`).replace(/[^\P{Cc}\t\n]|\p{Cs}/gu,``).trim();return this.isSendable()?e:``}setInput(e){this.givenBack=``,this.input.value=e,this.fitInput()}giveBack(e){let{input:t,givenBack:n}=this,r=n!==``&&t.value.startsWith(n),i=r?n.length:0,a=t.value?`
`:``;t.setRangeText(r?a+e:e+a,i,i,`preserve`),this.givenBack=t.value.slice(0,i+e.length+(r?a.length:0)),this.fitInput()}isSendable(){let{input:e}=this;return!e.readOnly&&e.value.length<=f&&e.value.trim()!==``}fitInput(){this.events.draft(this.input.value),this.input.style.setProperty(`height`,`44px`),this.input.style.setProperty(`height`,`${Math.min(this.input.scrollHeight+2,132)}px`);let e=f-this.input.value.length;this.count.textContent=e<p?`${e} left`:``,this.send.disabled=!this.isSendable()}buildTurn(e,t,...r){let i=e.startsWith(`user`)?`You:`:`${this.title.textContent}:`;return n(`div`,{class:`turn ${e}`},n(`span`,{class:`sr`},i),n(`div`,{class:`bubble`},t),...r)}};function g(e,t){e.querySelector(`.bubble`)?.replaceChildren(t)}function _(e){let t=(t,n)=>{let r=parseInt(e.slice(t,t+2),16)/255;return n*(r<=.03928?r/12.92:((r+.055)/1.055)**2.4)};return t(1,.2126)+t(3,.7152)+t(5,.0722)}function v(e,t,n,r){let{name:i,primary_color:a}=n;e.title.textContent=i,e.avatar.textContent=([...i][0]??``).toUpperCase(),e.input.placeholder=n.placeholder,g(t,s(n.welcome_message)),t.isConnected||e.log.prepend(t);let o=r?`dark`:`light`,c=n.theme===`auto`?o:n.theme,l=_(a),u=l>.36,d=(t,n)=>e.host.style.setProperty(t,n);e.host.setAttribute(`theme`,c),d(`--accent`,a),d(`--on-accent`,u?`#15151a`:`#ffffff`),d(`--online`,u?`#0b6b35`:`#5ee27f`),d(`--ring`,(c===`dark`?l<.12:l>.3)?`var(--dim)`:a),e.frame.className=`${n.position}${e.isOpen()?` open`:``}`,e.isOpen()||e.launcher.setAttribute(`aria-label`,`Chat with ${i}`)}var y=3e4;function b(e,t){return Math.random()*Math.min(y,e*2**t)}async function x(e,t){let{origin:n}=new URL(e),r=!1,i=e=>{e.disposition===`enforce`&&e.effectiveDirective===`connect-src`&&e.blockedURI.startsWith(n)&&(r=!0)};document.addEventListener(`securitypolicyviolation`,i);try{return await fetch(e,t)}catch(e){throw await new Promise(e=>setTimeout(e,50)),r?new w(`The page's Content-Security-Policy forbids the widget: add ${n} to connect-src, with https: for requests and wss: for the chat.`,!0,0):e}finally{document.removeEventListener(`securitypolicyviolation`,i)}}var S=5e3,C=[408,425,429],w=class extends Error{isFinal;wait;constructor(e,t,n){super(e),this.isFinal=t,this.wait=n}};function T(e){return`Pages of ${location.origin} may not embed the widget ${e.channel}: add this origin to allowed_origins in the settings of the channel. If it is listed there, check data-channel and whether the channel is enabled.`}function E(e){return e!==null&&Date.parse(e.expires_at)-Date.now()>S}async function D(e,t){let n=t.read(`localStorage`,`visitor`),r=await x(`${e.base}widget/${e.channel}/sessions`,{method:`POST`,headers:{"content-type":`application/json`},credentials:`omit`,body:JSON.stringify(n?{visitor_token:n}:{})});if(r.ok){let e=await r.json();return t.write(`localStorage`,`visitor`,e.visitor_token),e}let i=await r.json().catch(()=>({}));if(r.status===401&&n)return t.write(`localStorage`,`visitor`,null),D(e,t);let a=r.status<500&&!C.includes(r.status),o=Number(r.headers.get(`retry-after`))*1e3||0;throw new w(i.code===`origin_not_allowed`?T(e):i.detail||`The service answered ${r.status}.`,a,o)}var O=4401,k=4403,A=1006,j=4e3,M=class{page;storage;events;session=null;current=null;isReady=!1;isConnecting=!1;isStopped=!1;attempt=0;retry=null;heard=0;constructor(e,t,n){this.page=e,this.storage=t,this.events=n}async renewSession(){let e=await D(this.page,this.storage);this.session=e,this.events.onSession(e)}send(e){this.isReady&&this.current?.socket.send(JSON.stringify(e))}async connect(){if(!(this.isStopped||this.current||this.isConnecting)){this.cancelRetry(),this.isConnecting=!0;try{E(this.session)||await this.renewSession()}catch(e){return this.isConnecting=!1,e instanceof w&&e.isFinal?this.stop(e.message):this.retryLater(e instanceof w?e.wait:0)}this.isConnecting=!1,this.session&&(this.current=this.open(this.session))}}open(e){let t=new URL(`widget/${this.page.channel}/socket`,this.page.base);t.protocol=t.protocol===`https:`?`wss:`:`ws:`;let n=String(this.events.lastSeq());t.search=new URLSearchParams({token:e.token,since:n}).toString();let r=new WebSocket(t),i=!1,a=e=>{this.current?.socket===r&&this.onLost(e,i)};return r.onmessage=e=>{i=!0,this.heard=Date.now(),this.onFrame(JSON.parse(e.data))},r.onclose=e=>a(e.code),{socket:r,lose:a}}onFrame(e){e.type===`status`&&(this.attempt=0,this.isReady=!0),this.events.onFrame(e)}onLost(e,t){if(this.current=null,this.isReady=!1,this.events.onLost(),e===k)return this.stop(`This chat is closed.`);e!==O&&t||(this.session=null),e===O&&this.attempt===0?(this.attempt=1,this.connect()):this.retryLater()}retryLater(e=0){this.events.onOffline();let t=()=>{this.retry=null,this.connect()};this.retry=setTimeout(t,e+b(500,this.attempt++))}cancelRetry(){this.retry!==null&&clearTimeout(this.retry),this.retry=null}stop(e){this.isStopped=!0,this.events.onStop(e)}resume(){this.isStopped||(this.current?.socket.readyState===WebSocket.OPEN?this.check(this.current):this.retry!==null&&(this.cancelRetry(),this.attempt=0,this.connect()))}check(e){let t=Date.now();e.socket.send(JSON.stringify({type:`ping`})),setTimeout(()=>{this.current!==e||this.heard>=t||(e.socket.close(),e.lose(A))},j)}},N=`Your text is back in the field below.`,P=`This is a new conversation.`,F=class{view;transcript;storage;send;conversation;unsent=[];constructor(e,t,n,r,i){this.view=e,this.transcript=t,this.storage=n,this.send=r,this.conversation=i}get isEmpty(){return this.unsent.length===0}restore(){try{let e=this.storage.read(`localStorage`,`unsent`)??`null`,t=JSON.parse(e);if(!t)return;this.unsent=t.messages.map(e=>this.show(e)),t.conversation!==this.conversation()&&this.refuseAll(P)}catch{}}add(e){let t=this.show({id:I(),text:e});this.unsent.push(t),this.store(),this.deliver(t)}deliverAll(){for(let e of this.unsent)this.deliver(e)}settle(e,t){let n=this.take(e);return n?(this.transcript.showDelivered(t,n.text),this.store(),!0):!1}refuse(e,t){let n=this.take(e);n&&(this.view.giveBack(n.text),this.store(),this.transcript.showTrouble(`${t} ${N}`))}refuseAll(e){for(let{id:t}of[...this.unsent])this.refuse(t,e)}postpone(e,t,n){let r=this.unsent.find(t=>t.id===e);r&&(r.note.textContent=n,setTimeout(()=>{this.unsent.includes(r)&&this.deliver(r)},t*1e3+200))}take(e){let t=this.unsent.findIndex(t=>t.id===e),[n]=t<0?[]:this.unsent.splice(t,1);return n?.node.remove(),n??null}show({id:e,text:t}){let r=n(`span`,{class:`note`},`Sending…`),i=this.view.buildTurn(`user unsent`,t,r);return this.view.changeLog(()=>this.view.log.append(i),!0),{id:e,text:t,node:i,note:r}}store(){let e=this.unsent.map(({id:e,text:t})=>({id:e,text:t})),t={conversation:this.conversation(),messages:e},n=e.length>0?JSON.stringify(t):null;this.storage.write(`localStorage`,`unsent`,n)}deliver({id:e,text:t}){this.send({type:`user_message`,client_msg_id:e,content:t})}};function I(){return typeof crypto.randomUUID==`function`?crypto.randomUUID():[...crypto.getRandomValues(new Uint8Array(16))].map((e,t)=>t===6?e&15|64:t===8?e&63|128:e).map(e=>e.toString(16).padStart(2,`0`)).join(``).replace(/^(.{8})(.{4})(.{4})(.{4})/,`$1-$2-$3-$4-`)}var L=100,R=1e4;function z(e,t,n){let r=[],i=new MutationObserver(()=>s()),a=()=>{for(let e of[document,document.documentElement,document.body])e&&i.observe(e,{childList:!0})},o=()=>{for(let t of document.querySelectorAll(`#${e.id}`))t.remove();document.body.append(e)},s=()=>{if(i.disconnect(),document.body&&!e.isConnected){let e=Date.now();if(r.push(e),r.length>L&&e-(r.shift()??0)<R)return n();o(),t()}a()};s()}var B=class{channel;constructor(e){this.channel=e}read(e,t){try{return window[e].getItem(this.key(t))}catch{return null}}write(e,t,n){try{n===null?window[e].removeItem(this.key(t)):window[e].setItem(this.key(t),n)}catch{}}key(e){return`creator-widget:${this.channel}:${e}`}};function V(e,t){let{title:r,heading:i}=t,a=i&&i!==r?`${r} — ${i}`:r,o=U(t),s=o?`${a}, ${o}`:a,c=t.public?n(`a`,{href:H(e,t),target:`_blank`,rel:`noopener`},s):n(`span`,{},s);return n(`li`,{},n(`b`,{},String(t.number)),c)}function H(e,{document_id:t,position:n}){let r=`${e.base}widget/${e.channel}/documents/${t}/file`;return n&&`page`in n?`${r}#page=${n.page}`:r}function U({position:e}){if(!e)return null;if(`page`in e)return`page ${e.page}`;if(`slide`in e)return`slide ${e.slide}`;if(`seconds`in e)return W(e.seconds);if(`row`in e){let{sheet:t,row:n}=e.row;return t?`${t}, row ${n}`:`row ${n}`}return null}function W(e){let t=e=>String(Math.floor(e)%60).padStart(2,`0`),n=`${t(e/60)}:${t(e)}`;return e<3600?n:`${Math.floor(e/3600)}:${n}`}var G=12e3,K=class{view;page;last=0;welcome;shown=new Map;answer=null;typing=null;trouble=null;partial=null;restoringUntil=null;constructor(e,t){this.view=e,this.page=t,this.welcome=e.buildTurn(`bot`,``)}get answering(){return this.answer?.replyTo??null}clear(){for(let e of this.shown.values())e.remove();this.shown.clear(),this.last=0,this.endAnswer(),this.clearTrouble()}beginRestore(e){this.restoringUntil=e>this.last?e:null}finishRestore(){this.restoringUntil===null||this.last<this.restoringUntil||(this.restoringUntil=null,this.view.scrollToEnd(!1))}showUserMessage(e,t){this.advance(e),this.view.changeLog(()=>this.place(e,this.view.buildTurn(`user`,t)))}showDelivered(e,t){this.advance(e),this.view.changeLog(()=>this.place(e,this.view.buildTurn(`user still`,t)))}showAnswer(e){this.advance(e.seq);let t=this.answer!==null&&this.answer.replyTo===e.reply_to,r=this.restoringUntil!==null,i=r||t&&this.answer?.node;this.view.changeLog(()=>{t&&this.endAnswer(),this.answer||this.stopTyping(),this.clearTrouble();let r=i?`bot still`:`bot`,a=this.view.buildTurn(r,s(e.content)),o=(e.sources??[]).filter(e=>e.cited);if(o.length>0){let e=o.map(e=>V(this.page,e));a.append(n(`ul`,{class:`sources`,"aria-label":`Sources`},...e))}e.truncated&&a.append(n(`small`,{class:`cut`},`This answer reached its limit. Ask for the rest.`)),e.stopped&&a.append(n(`small`,{class:`cut`},`You stopped this answer.`)),this.place(e.seq,a)}),r||(this.view.live.textContent=e.content,this.view.badge.hidden=this.view.isOpen())}startAnswer(e){this.answer&&this.answer.replyTo!==e&&this.endAnswer(),this.answer??={replyTo:e,text:``,node:null,queued:!1},this.clearTrouble(),this.view.setAnswering(!0),this.answer.node||this.showTyping()}growAnswer(e,t){let n=this.answer;n?.replyTo===e&&(this.stopTyping(),n.text+=t,n.queued||(n.queued=!0,requestAnimationFrame(()=>this.drawAnswer())))}drawAnswer(){let e=this.answer;e&&(e.queued=!1,this.view.changeLog(()=>{e.node||this.view.log.append(e.node=this.view.buildTurn(`bot writing`,``)),g(e.node,s(e.text))}))}endAnswer(){this.answer?.node?.remove(),this.answer=null,this.view.setAnswering(!1),this.stopTyping()}endSilentAnswer(){this.answer&&!this.answer.node&&this.endAnswer()}interruptAnswer(e,t,n){let r=this.answer?.replyTo===e?this.answer.node:null;this.answer&&r&&(this.answer.node=null),this.endAnswer(),this.showTrouble(t,{label:`Try again`,run:n}),r&&(r.className=`turn bot broken`,this.partial=r)}showTyping(){if(this.typing)clearTimeout(this.typing.timer);else{let e=n(`div`,{class:`dots`,"aria-hidden":`true`},n(`i`),n(`i`),n(`i`)),t=this.view.buildTurn(`bot`,e);this.typing={node:t,timer:0},this.view.changeLog(()=>this.view.log.append(t))}this.typing.timer=setTimeout(()=>this.stopTyping(),G)}stopTyping(){this.typing&&=(clearTimeout(this.typing.timer),this.typing.node.remove(),null)}showTrouble(e,t){this.clearTrouble();let r=t&&n(`button`,{type:`button`,onclick:()=>{this.clearTrouble(),t?.run()}},t.label),i=n(`div`,{class:`trouble`,role:`alert`},n(`span`,{},e),r??null);this.trouble=i,this.view.changeLog(()=>this.view.log.append(i))}clearTrouble(){this.trouble?.remove(),this.partial?.remove(),this.trouble=this.partial=null}advance(e){this.last=Math.max(this.last,e)}place(e,t){this.shown.get(e)?.remove(),this.shown.set(e,t),t.dataset.seq=String(e);let n=e=>Number(e.dataset.seq)||1/0,r=[...this.view.log.children].find(t=>t!==this.welcome&&n(t)>e);this.view.log.insertBefore(t,r??null)}},q={dependency_unavailable:`The assistant cannot be reached right now.`,answer_interrupted:`The answer broke off.`,answer_stopped:`You stopped this answer.`,answer_timeout:`The answer took too long.`,rate_limited:`Many people are asking right now.`},J={quota_exceeded:`No messages are left this month. Please come back later.`},Y=class{view=new h(this);transcript;storage;connection;outbox;dark=matchMedia(`(prefers-color-scheme: dark)`);appearance=null;conversation=null;attempt=0;constructor(e){this.transcript=new K(this.view,e),this.storage=new B(e.channel),this.connection=new M(e,this.storage,this),this.outbox=new F(this.view,this.transcript,this.storage,e=>this.connection.send(e),()=>this.conversation)}listen(){let e=()=>{this.view.isOpen()&&document.visibilityState!==`hidden`&&this.connection.resume()};document.addEventListener(`visibilitychange`,e),addEventListener(`online`,e),addEventListener(`pageshow`,e),addEventListener(`offline`,()=>this.view.setOnline(!1)),this.dark.addEventListener(`change`,()=>this.dress())}async begin(){try{await this.connection.renewSession()}catch(e){let t=e instanceof w?e:null;if(t?.isFinal)return X(t.message);let n=(t?.wait??0)+1e3+b(1e3,this.attempt++);setTimeout(()=>void this.begin(),n);return}z(this.view.host,()=>this.view.scrollToEnd(!1),()=>X(`The page removes the widget again and again, so it stays removed.`)),this.view.setInput(this.storage.read(`sessionStorage`,`draft`)??``),this.outbox.restore(),this.storage.read(`sessionStorage`,`open`)?this.toggle(!0):this.outbox.isEmpty||this.connection.connect()}dress(){this.appearance&&v(this.view,this.transcript.welcome,this.appearance,this.dark.matches)}toggle(e=!this.view.isOpen()){let{view:t}=this;if(e===t.isOpen())return;let n=t.title.textContent;t.panel.hidden=!e,t.frame.classList.toggle(`open`,e),t.launcher.setAttribute(`aria-expanded`,String(e)),t.launcher.setAttribute(`aria-label`,e?`Close chat`:`Chat with ${n}`),this.storage.write(`sessionStorage`,`open`,e?`1`:null),e?(t.badge.hidden=!0,this.connection.connect(),t.fitInput(),t.scrollToEnd(!1),t.input.focus({preventScroll:!0})):t.launcher.focus({preventScroll:!0})}submit(){let e=this.view.message;e&&(this.view.setInput(``),this.transcript.clearTrouble(),this.outbox.add(e),this.connection.connect())}draft(e){this.storage.write(`sessionStorage`,`draft`,e||null)}stop(){let e=this.transcript.answering;e!==null&&this.connection.send({type:`stop`,reply_to:e})}lastSeq(){return this.transcript.last}onSession(e){let t=this.conversation!==null&&this.conversation!==e.conversation_id;t&&this.transcript.clear(),this.conversation=e.conversation_id,t&&this.outbox.refuseAll(P),this.appearance=e.appearance,this.dress()}onLost(){this.transcript.endSilentAnswer()}onOffline(){this.view.setOnline(!1)}onStop(e){this.view.setOnline(!1),X(e),this.view.setClosed(),this.transcript.showTrouble(`This chat is closed.`),this.outbox.refuseAll(`This chat is closed.`)}onFrame(e){let{transcript:t,outbox:n}=this;switch(e.type){case`status`:this.onStatus(e);break;case`ack`:n.settle(e.client_msg_id,e.seq);break;case`user_message`:n.settle(e.client_msg_id,e.seq)||t.showUserMessage(e.seq,e.content);break;case`ai_start`:t.startAnswer(e.reply_to);break;case`ai_delta`:t.growAnswer(e.reply_to,e.text);break;case`ai_response`:t.showAnswer(e);break;case`error`:this.onError(e)}t.finishRestore()}onStatus(e){this.view.setOnline(!0),e.recovered||this.transcript.clear(),this.transcript.endAnswer(),this.transcript.beginRestore(e.last_seq),e.answering&&this.transcript.showTyping(),this.outbox.deliverAll()}onError(e){let{client_msg_id:t,reply_to:n,retry_after:r}=e;if(t&&r){let n=`A little fast: sending again in ${r} s`,i=e.code===`rate_limited`?n:`Sending again in a moment…`;this.outbox.postpone(t,r,i)}else if(t)this.outbox.refuse(t,J[e.code]??`This message could not be sent.`);else if(n){let t=q[e.code]??`There is no answer this time.`;this.transcript.interruptAnswer(n,t,()=>this.connection.send({type:`retry`}))}}};function X(e){console.warn(`[creator-widget] ${e}`)}var Z=e();if(Z){window.__creatorWidget=!0;let e=new Y(Z);e.listen(),document.body?e.begin():addEventListener(`DOMContentLoaded`,()=>void e.begin())}})();