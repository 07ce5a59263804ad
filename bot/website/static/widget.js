// <clinic-chat>, in one file: it loads whole or not at all.
// Its rule: what a server or a visitor says is text, never markup.

const HERE = new URL('.', import.meta.url.replace('/static/', '/'));
const EXIT = 'https://weather.gc.ca/';
const KEY = 'clinic-chat';
const LONGEST = 2000;
const QUICK = 600; // ms between two presses of Escape
const NARROW = '(max-width: 34em), (max-height: 30em)';

// They work with the server down.
const WORDS = {
  launch: 'Ask a question',
  title: 'Questions and answers',
  what: 'Automated assistant, not a person',
  help: 'Need help now?',
  helpLine: 'You can call or text at any hour. You need not be sure that it is an emergency.',
  call: 'Call',
  text: 'Text',
  to: 'to',
  exit: 'Quick exit',
  exitHow: 'Pressing Escape twice leaves this site at once.',
  more: 'More',
  close: 'Close',
  shared: 'Shared computer: keep nothing here',
  sharedOn: 'Nothing is kept in this browser. Closing the chat or leaving the page erases the conversation.',
  save: 'Save this conversation',
  clear: 'Clear this conversation',
  cleared: 'The conversation is erased, here and on the clinic’s server.',
  clearedHere: 'Erased here. The clinic’s server could not be reached and still has it.',
  privacy: 'Privacy',
  log: 'Conversation',
  you: 'You',
  assistant: 'Assistant',
  input: 'Your question',
  send: 'Send',
  writing: 'Writing an answer …',
  left: 'characters left',
  over: 'characters too many',
  offline: 'Not sent yet. It goes out when the connection is back.',
  failed: 'Not sent. Your words are kept here.',
  again: 'Try again',
  unreachable: 'The clinic’s server cannot be reached. The phone lines under “Need help now?” are open.',
  choices: 'You could ask:',
  sources: 'Where does this come from?',
  helped: 'This helped',
  notHelped: 'This did not help',
  why: 'What was wrong with it?',
  reasons: ['Not what I asked', 'Hard to understand', 'Not enough', 'Something else'],
  thanks: 'Thank you.',
  copy: 'Copy',
  copied: 'Copied.',
  form: 'Message to the clinic',
  sent: 'Sent. Your reference:',
  held: 'Your message has not been sent. What would you like to do?',
  sendAnyway: 'Send it anyway',
  change: 'Change it',
  discard: 'Discard it',
  discarded: 'Discarded. Nothing was sent.',
  opening:
    'Hello. This is an automated assistant: not a person, not a therapist, and nobody watches this chat. ' +
    'It answers questions about relational psychotherapy.\n\n' +
    'It is not for emergencies: call 911, or call or text 9-8-8. Please leave out private health details.',
};

const LINES = [
  { name: 'Emergency', call: '911', note: 'if anyone is in danger now' },
  { name: '9-8-8 Suicide Crisis Helpline', call: '988', text: '988', note: 'day and night, free' },
  { name: 'Distress Centres of Greater Toronto', call: '416-408-4357', note: 'day and night' },
];

const ICONS = {
  close: 'M6 6l12 12M18 6L6 18',
  more: 'M5 7h14M5 12h14M5 17h14',
  send: 'M12 19V5M6 11l6-6 6 6',
  up: 'M7 11v9H4v-9zM7 12l4-8c2 0 2.5 1.5 2 3l-.7 3H19l-1.5 10H7',
  down: 'M7 13V4H4v9zM7 12l4 8c2 0 2.5-1.5 2-3l-.7-3H19L17.5 4H7',
};

class ClinicChat extends HTMLElement {
  #root = this.attachShadow({ mode: 'open' });
  #listening;
  #words = WORDS;
  #session = null;
  #turn = 0;
  #era = 0;
  #outbox = []; // not answered yet, in order
  #filled; // what the contact form holds
  #pumping = false;
  #ready = null;
  #opening = null;
  #pinned = false;
  #shared = false;
  #opener = null;
  #escapedAt = -QUICK;
  #ids = 0;
  #corner;
  #dialog;
  #log;
  #status;
  #input;
  #count;
  #lines;
  #helpButton;
  #menu;
  #menuButton;

  connectedCallback() {
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    if (!this.#dialog) {
      this.#build();
      this.#recall();
      this.#translate();
    }
    document.addEventListener('keydown', (event) => this.#escape(event), { signal });
    window.addEventListener('online', () => this.#pump(), { signal });
    window.addEventListener('storage', (event) => this.#follow(event), { signal });
    window.addEventListener('pagehide', () => this.#shared && this.clear(), { signal });
    visualViewport.addEventListener('resize', () => this.#fit(), { signal });
  }

  /** Builds anew when the labels are here. */
  async #translate() {
    const language = this.getAttribute('language');
    const { status, data } = language ? await this.#request('GET', `static/labels.${language}.json`) : {};
    if (status !== 200 || this.#root.activeElement) return;
    this.#words = { ...WORDS, ...data };
    this.#root.replaceChildren();
    this.#ready = null;
    this.#build();
    this.#recall();
  }

  disconnectedCallback() {
    this.#listening.abort();
  }

  async open({ focus = true, help = false } = {}) {
    if (!this.#dialog.open) {
      const from = this.#root.activeElement ?? document.activeElement;
      this.#opener = from === document.body ? null : from;
      this.#corner.hidden = true;
      if (focus && matches(NARROW)) this.#dialog.showModal();
      else this.#dialog.open = true;
      this.#fit();
      this.#emit('open');
      this.#remember();
    }
    if (help) this.#toggleHelp(true);
    if (focus) help ? this.#helpButton.focus() : this.#rest();
    await this.#begin();
  }

  close() {
    this.#dialog.close();
    if (!this.#corner.hidden) return;
    this.#toggleMenu(false);
    this.#corner.hidden = false;
    (this.#opener ?? this.#corner.lastChild).focus();
    this.#emit('close');
    if (this.#shared) this.clear();
    this.#remember();
  }

  /** A `choice` is a topic's id, `words` its button's. */
  async send(words, choice) {
    const text = words.trim();
    if (!text) return;
    this.#drop('.choices');
    const item = { text, choice };
    this.#outbox.push(item);
    this.#showUnsent(item);
    this.#remember();
    await this.#pump();
  }

  /** Erases the conversation here and on the server, and says so. */
  clear() {
    const session = this.#session;
    this.#forget();
    this.#begin();
    return this.#erase(session);
  }

  /** Clears, and puts a neutral page in this one's place. */
  leave() {
    this.#erase(this.#session);
    this.#shared = true;
    this.#forget();
    document.title = '\u200b';
    document.documentElement.replaceChildren();
    location.replace(this.getAttribute('exit') ?? EXIT);
  }

  // Talking with the server

  get #server() {
    const given = this.getAttribute('server');
    return given ? new URL(given, document.baseURI) : HERE;
  }

  /** Status and JSON of an answer; status 0 for none in time. */
  async #request(method, path, body, patience = 20_000) {
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), patience);
    try {
      const response = await fetch(new URL(path, this.#server), {
        method,
        signal: stop.signal,
        credentials: 'omit',
        keepalive: method === 'DELETE', // outlives the page
        headers: body && { 'Content-Type': 'application/json' },
        body: body && JSON.stringify(body),
      });
      const { status } = response;
      return { status, data: (status !== 204 && (await response.json())) || {} };
    } catch {
      return { status: 0, data: {} };
    } finally {
      clearTimeout(timer);
    }
  }

  async #erase(session) {
    const { status } = session ? await this.#request('DELETE', 'api/session', { session }) : { status: 204 };
    await this.#begin();
    if (status === 204 || status === 401) this.#note(this.#words.cleared);
    else this.#note(this.#words.clearedHere, () => this.#erase(session));
  }

  #begin() {
    return (this.#ready ??= this.#restore());
  }

  async #restore() {
    const era = this.#era;
    const stopTyping = this.#typingSoon();
    const [opening, past] = await Promise.all([
      this.#opening ?? this.#request('GET', 'api/opening', undefined, 4000),
      this.#session && this.#request('GET', `api/session?session=${encodeURIComponent(this.#session)}`),
    ]);
    stopTyping();
    if (era !== this.#era) return;
    if (opening.status === 200) this.#opening = opening;
    const unknown = past?.status === 401;
    if (unknown) this.#session = null;
    const messages = past?.data.messages ?? [];
    const lost = !this.#opening || (past && past.status !== 200 && !unknown);
    if (lost) this.#ready = null;
    if (lost && this.#log.querySelector('.assistant')) return;
    this.#log.setAttribute('aria-live', messages.length ? 'off' : 'polite');
    this.#log.replaceChildren();
    const { clinic, helplines, choices, opening: text = this.#words.opening } = opening.data;
    if (clinic && !this.title) this.#dialog.querySelector('h2').textContent = clinic;
    if (helplines && !this.#pinned) this.#showLines(helplines);
    this.#add({ text, choices: !messages.length && !this.#outbox.length && choices });
    if (past?.data.helplines?.length) this.#pin(past.data.helplines);
    messages.forEach((message, i) => {
      if (message.from === 'assistant') this.#add(message, message.kind, i === messages.length - 1);
      else if (message.text) this.#log.append(this.#bubble('you', message.text));
    });
    if (messages.length) this.#log.scrollTop = this.#log.scrollHeight;
    if (lost) this.#note(this.#words.unreachable);
    this.#outbox.forEach((item) => this.#showUnsent(item));
    requestAnimationFrame(() => this.#log.setAttribute('aria-live', 'polite'));
    if (this.#outbox.length) this.#pump();
  }

  /** Sends what waits, in order, until one does not get through. */
  async #pump() {
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      while (this.#outbox.length && (await this.#deliver(this.#outbox[0])));
    } finally {
      this.#pumping = false;
      this.#remember();
    }
  }

  async #deliver(item) {
    const era = this.#era;
    await this.#begin();
    item.bubble.querySelector('.note')?.remove();
    const stopTyping = this.#typingSoon();
    const { text, choice } = item;
    const ask = (session) => this.#request('POST', 'api/chat', { ...(choice ? { choice } : { text }), session });
    let { status, data } = await ask(this.#session ?? undefined);
    if (status === 401) ({ status, data } = await ask());
    stopTyping();
    if (era !== this.#era) {
      if (data.session) this.#erase(data.session);
      return true;
    }
    const danger = data.kind === 'crisis';
    const answered = data.replies?.[0]?.text && (status === 200 || danger);
    const refused = status >= 400 && status < 500 && status !== 429;
    if (answered || refused) this.#outbox.shift();
    if (answered) {
      this.#session = data.session;
      this.#turn += 1;
      const [reply] = data.replies.map((reply, i) => this.#add(reply, data.kind, i === data.replies.length - 1));
      this.#scrollTo(danger ? reply : item.bubble);
      this.#emit('answer', { topic: data.topic, kind: data.kind });
    } else {
      if (data.helplines?.length) this.#showLines(data.helplines, true);
      const problem = data.error?.message ?? this.#words[navigator.onLine ? 'failed' : 'offline'];
      this.#note(problem, !refused && (() => this.#pump()), item.bubble);
    }
    return answered || refused;
  }

  // The log

  /** At once and whole, so that it is announced once. */
  #add({ text, key, sources, choices, helplines, form, pinned }, kind, last = true) {
    if (kind === 'crisis' || pinned) this.#pin(helplines ?? LINES);
    const bubble = this.#bubble('assistant', text);
    const words = bubble.firstChild;
    if (helplines?.length) words.append(this.#lineList(helplines));
    if (sources?.length) words.append(this.#sources(sources));
    if (key && (kind === 'answer' || kind === 'details') && !this.#pinned) bubble.append(this.#tools(key, text));
    if (last && choices?.length && !this.#pinned) bubble.append(this.#choices(this.#words.choices, choices));
    if (form && (last || this.#filled)) {
      this.#drop('.contact');
      bubble.append(this.#form(form));
    }
    this.#log.append(bubble);
    return bubble;
  }

  #bubble(from, text) {
    return el(
      'div',
      { class: `message ${from}` },
      el(
        'div',
        { class: 'words' },
        el('span', { class: 'unseen' }, `${this.#words[from]}: `),
        ...paragraphs(text, from === 'assistant'),
      ),
    );
  }

  #drop(selector) {
    for (const node of this.#log.querySelectorAll(selector)) node.remove();
  }

  #showUnsent(item) {
    item.bubble = this.#bubble('you', item.text);
    this.#log.append(item.bubble);
    this.#scrollTo(item.bubble);
  }

  #note(text, again, place = this.#log) {
    const press = () => {
      this.#rest();
      again();
    };
    const retry = again && this.#button(this.#words.again, press);
    const note = el('div', { class: 'note', tabindex: '-1' }, el('p', {}, text), retry);
    place.append(note);
    this.#scrollTo(place === this.#log ? note : place);
    return note;
  }

  #choices(label, choices) {
    const press = ({ title, choice }) => {
      this.#rest();
      this.send(title, choice);
    };
    return el(
      'div',
      { class: 'choices' },
      el('p', {}, label),
      ...choices.map((choice) => this.#button(choice.title, () => (choice.press ?? press)(choice))),
    );
  }

  #sources(sources) {
    return el(
      'details',
      { 'aria-live': 'off' },
      el('summary', {}, this.#words.sources),
      ...sources.map((source) => el('p', {}, source)),
    );
  }

  #tools(key, text) {
    const w = this.#words;
    const said = el('span', { role: 'status' });
    const rate = async (helpful, reason) => {
      const { status } = await this.#request('POST', 'api/feedback', { session: this.#session, key, helpful, reason });
      up.setAttribute('aria-pressed', status === 204 && helpful);
      down.setAttribute('aria-pressed', status === 204 && !helpful);
      tools.querySelector('.choices')?.remove();
      said.textContent = status !== 204 ? w.failed : helpful || reason ? w.thanks : '';
      if (status !== 204 || helpful || reason) return;
      const press = ({ title }) => {
        down.focus();
        rate(false, title);
      };
      tools.append(this.#choices(w.why, w.reasons.map((title) => ({ title, press }))));
      this.#scrollTo(tools);
    };
    const copied = () => (said.textContent = w.copied);
    const copy = () => navigator.clipboard.writeText(text).then(copied, () => {});
    const up = this.#button(w.helped, () => rate(true), 'up');
    const down = this.#button(w.notHelped, () => rate(false), 'down');
    const tools = el(
      'div',
      { class: 'tools', 'aria-live': 'off' }, // not read out with the answer
      up,
      down,
      navigator.clipboard && this.#button(w.copy, copy),
      said,
    );
    return tools;
  }

  #typingSoon() {
    const show = (text) => (this.#status.textContent = text);
    const timer = setTimeout(show, 300, this.#words.writing);
    return () => {
      clearTimeout(timer);
      show('');
    };
  }

  /** A long answer is read from its top. */
  #scrollTo(node) {
    node.scrollIntoView();
  }

  // The contact form

  #form({ action, fields, prefill = {} }) {
    const w = this.#words;
    const foot = el('p', { class: 'problem', role: 'alert' });
    const rows = fields.map((field) => this.#field(field, { ...prefill, ...this.#filled }[field.name]));
    const values = () => Object.fromEntries(rows.map(({ name, input, key }) => [name, input[key]]));
    const form = el(
      'form',
      { class: 'contact', novalidate: true, 'aria-label': w.form },
      ...rows.map(({ row }) => row),
      foot,
      el('button', { class: 'main' }, w.send),
    );
    const finish = (text, replies = []) => {
      form.remove();
      this.#fill();
      const note = this.#note(text);
      for (const reply of replies) this.#add(reply);
      this.#scrollTo(note);
      note.focus({ preventScroll: true });
    };
    let busy = false;
    const deliver = async (extra) => {
      if (busy) return;
      busy = true;
      const body = { session: this.#session, ...values(), ...extra };
      const { status, data } = await this.#request('POST', action.replace(/^\//, ''), body);
      busy = false;
      for (const { name, input, problem } of rows) {
        problem.textContent = data.errors?.[name] ?? '';
        input.setAttribute('aria-invalid', !!problem.textContent);
      }
      foot.textContent = '';
      if (data.helplines?.length) this.#pin(data.helplines);
      if (status === 201) {
        finish(`${w.sent} ${data.reference}`, data.replies);
        this.#emit('contact-sent', { reference: data.reference });
      } else if (data.held) hold(data.replies);
      else if (data.errors) form.querySelector('[aria-invalid=true]')?.focus();
      else {
        foot.textContent = data.error?.message ?? w.failed;
        this.#scrollTo(foot);
      }
    };
    const hold = (replies) => {
      const [bubble] = replies.map((reply) => this.#add(reply, 'crisis'));
      const way = (title, next) => ({
        title,
        press: () => {
          question.remove();
          this.#log.focus();
          next();
        },
      });
      const question = this.#choices(w.held, [
        way(w.sendAnyway, () => deliver({ send_anyway: true })),
        way(w.change, () => rows.find(({ name }) => name === 'message').input.focus()),
        way(w.discard, () => finish(w.discarded)),
      ]);
      question.tabIndex = -1;
      this.#log.append(question);
      this.#scrollTo(bubble);
      question.focus({ preventScroll: true });
    };
    form.addEventListener('input', () => this.#fill(values()));
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      deliver();
    });
    return form;
  }

  #fill(values) {
    this.#filled = values;
    this.#remember();
  }

  #field({ name, label, type, required, autocomplete, hint }, value = '') {
    const id = `f${(this.#ids += 1)}`;
    const box = type === 'checkbox';
    const key = box ? 'checked' : 'value';
    const long = type === 'textarea';
    const input = el(long ? 'textarea' : 'input', {
      id,
      type: !long && type,
      rows: long && 4,
      required,
      autocomplete: this.#shared ? 'off' : autocomplete,
      'aria-describedby': `${id}h ${id}p`,
    });
    input[key] = value;
    const title = el('label', { for: id }, label);
    const about = el('span', { class: 'hint', id: `${id}h` }, hint);
    const problem = el('span', { class: 'problem', id: `${id}p` });
    const row = el('div', { class: box ? 'row box' : 'row' }, box && input, title, about, !box && input, problem);
    return { name, row, input, key, problem };
  }

  // Help

  #showLines(lines, shown) {
    this.#lines.replaceChildren(el('p', {}, this.#words.helpLine), this.#lineList(lines));
    this.#toggleHelp(shown ?? this.#helpShown);
  }

  /** Keeps the lines in sight for the rest of the conversation. */
  #pin(lines) {
    if (!this.#pinned) this.#emit('help-shown', { why: 'danger' });
    this.#pinned = true;
    this.#showLines(lines, false);
    this.#drop('.choices, .tools');
  }

  get #helpShown() {
    return this.#helpButton.getAttribute('aria-expanded') === 'true';
  }

  /** Pinned lines never go. */
  #toggleHelp(shown) {
    if (shown && !this.#helpShown) this.#emit('help-shown', { why: 'asked' });
    this.#lines.hidden = !shown && !this.#pinned;
    this.#lines.classList.toggle('short', !shown);
    this.#helpButton.setAttribute('aria-expanded', shown);
    if (shown) this.#lines.scrollIntoView();
  }

  #lineList(lines) {
    return el('ul', { class: 'lines' }, ...lines.map((line) => this.#line(line)));
  }

  #line({ name, call, text, text_word: word, note }) {
    const w = this.#words;
    const onclick = () => this.#request('POST', 'api/pressed', { line: name });
    const way = (said, href) => el('a', { href, onclick, 'aria-label': `${said}, ${name}` }, said);
    const digits = (number) => number.replace(/\D/g, '');
    return el(
      'li',
      {},
      el('span', {}, el('b', {}, name), note && el('small', {}, note)),
      el(
        'span',
        { class: 'ways' },
        call && way(`${w.call} ${call}`, `tel:${digits(call)}`),
        text && way(`${w.text} ${word ? `${word} ${w.to} ` : ''}${text}`, `sms:${digits(text)}`),
      ),
    );
  }

  // Window

  #build() {
    const w = this.#words;
    this.#corner = el(
      'div',
      { class: 'corner' },
      this.#button(w.help, () => this.open({ help: true }), null, { class: 'help', 'aria-haspopup': 'dialog' }),
      this.#button(w.launch, () => this.open(), null, { class: 'main', 'aria-haspopup': 'dialog' }),
    );
    this.#menuButton = this.#button(w.more, () => this.#toggleMenu(this.#menu.hidden), 'more');
    this.#helpButton = this.#button(w.help, () => this.#toggleHelp(!this.#helpShown), null, { class: 'help' });
    this.#menu = this.#buildMenu();
    this.#lines = el('div', { class: 'panel' });
    this.#log = el('div', { class: 'log', role: 'log', tabindex: '0', 'aria-label': w.log });
    this.#status = el('div', { class: 'typing', role: 'status' });
    this.#dialog = el(
      'dialog',
      { 'aria-labelledby': 'title', tabindex: '-1', onkeydown: (event) => this.#stay(event), onclose: () => this.close() },
      el(
        'header',
        {},
        el('div', {}, el('h2', { id: 'title' }, this.title || w.title), el('p', {}, w.what)),
        this.#menuButton,
        this.#button(w.close, () => this.close(), 'close'),
      ),
      this.#menu,
      el('div', { class: 'strip' }, this.#helpButton, this.#button(w.exit, () => this.leave())),
      this.#lines,
      this.#log,
      this.#status,
      this.#buildComposer(),
    );
    this.#showLines(LINES, false);
    this.#toggleMenu(false);
    const section = el('section', { 'aria-label': w.title }, this.#corner, this.#dialog);
    section.title = ''; // or the element's own pops up over everything
    this.#root.append(section);
    // Browsers before 2023 get a tag.
    if (!this.#root.adoptedStyleSheets) return this.#root.append(el('style', {}, STYLE));
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    this.#root.adoptedStyleSheets = [sheet];
  }

  #buildMenu() {
    const w = this.#words;
    const share = () => {
      this.#shared = shared.checked;
      this.#remember();
      if (!this.#shared) return;
      for (const input of this.#log.querySelectorAll('input')) input.autocomplete = 'off';
      this.#note(w.sharedOn);
    };
    const shared = el('input', { type: 'checkbox', id: 'shared', onchange: share });
    shared.checked = this.#shared ||= this.hasAttribute('shared-computer');
    const clear = () => {
      this.#toggleMenu(false);
      this.#rest();
      this.clear();
    };
    return el(
      'div',
      { id: 'menu', class: 'panel' },
      el('label', { for: 'shared' }, shared, w.shared),
      this.#button(w.save, () => this.#save()),
      this.#button(w.clear, clear),
      el('a', { href: new URL('privacy', this.#server), target: '_blank' }, w.privacy),
      el('p', {}, w.exitHow),
    );
  }

  #buildComposer() {
    const w = this.#words;
    const submit = (event) => {
      event.preventDefault();
      const text = this.#input.value;
      this.#input.focus();
      if (!text.trim() || this.#left() < 0) return;
      this.#input.value = '';
      this.#typed();
      this.send(text);
    };
    this.#input = el('textarea', {
      id: 'input',
      rows: 1,
      dir: 'auto',
      placeholder: w.input,
      enterkeyhint: 'send',
      'aria-describedby': 'count',
      oninput: () => this.#typed(),
      onkeydown: (event) => event.key === 'Enter' && !event.shiftKey && !event.isComposing && submit(event),
    });
    this.#count = el('p', { id: 'count' });
    return el(
      'form',
      { class: 'composer', onsubmit: submit },
      el('label', { for: 'input', class: 'unseen' }, w.input),
      this.#input,
      el('button', { class: 'main', 'aria-label': w.send }, icon('send')),
      this.#count,
    );
  }

  #button(label, onclick, drawing, attributes) {
    const drawn = drawing && { class: 'icon', 'aria-label': label, title: label };
    return el('button', { onclick, ...drawn, ...attributes }, drawing ? icon(drawing) : label);
  }

  #left() {
    return LONGEST - [...this.#input.value.trim()].length;
  }

  #typed() {
    const left = this.#left();
    const { over, left: more } = this.#words;
    this.#count.textContent = left < 0 ? `${-left} ${over}` : left < 200 ? `${left} ${more}` : '';
    this.#input.setAttribute('aria-invalid', left < 0);
    this.#remember();
  }

  /** On touch screens no keyboard pops up. */
  #rest() {
    (matches('(pointer: coarse)') ? this.#log : this.#input).focus();
  }

  #toggleMenu(shown) {
    this.#menu.hidden = !shown;
    this.#menuButton.setAttribute('aria-expanded', shown);
  }

  /** Keeps Tab inside. */
  #stay(event) {
    if (event.key !== 'Tab') return;
    const all = this.#dialog.querySelectorAll('a, button, input, textarea, summary, .log');
    const stops = [...all].filter((node) => node.getClientRects().length);
    if (event.shiftKey) stops.reverse();
    if (![stops.at(-1), this.#dialog].includes(this.#root.activeElement)) return;
    event.preventDefault();
    stops[0].focus();
  }

  /** One press closes what is open; two quick ones leave the site. */
  #escape(event) {
    if (event.key !== 'Escape' || event.repeat) return;
    if (event.timeStamp - this.#escapedAt < QUICK) return this.leave();
    if (!this.#dialog.open) return;
    this.#escapedAt = event.timeStamp;
    if (!event.composedPath().includes(this)) return;
    event.preventDefault();
    if (this.#menu.hidden) return this.close();
    this.#toggleMenu(false);
    this.#menuButton.focus();
  }

  #fit() {
    this.#dialog.style.setProperty('--seen', `${visualViewport.height}px`);
  }

  #save() {
    const said = [...this.#log.querySelectorAll('.words')].map((words) => words.innerText);
    const href = URL.createObjectURL(new Blob([said.join('\n\n')]));
    el('a', { href, download: 'conversation.txt' }).click();
    setTimeout(() => URL.revokeObjectURL(href), 9000);
  }

  #emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  // What the browser remembers: a token; in this tab, unsent words

  #remember() {
    const session = this.#session;
    const { open } = this.#dialog;
    const draft = this.#input.value;
    const unsent = this.#outbox.map(({ text, choice }) => ({ text, choice }));
    keep('localStorage', !this.#shared && session && { session, turn: this.#turn });
    keep('sessionStorage', !this.#shared && { open, draft, filled: this.#filled, unsent });
  }

  #recall() {
    if (this.#shared) return;
    const { session = null, turn = 0 } = kept('localStorage');
    const { open, draft = '', filled, unsent = [] } = kept('sessionStorage');
    this.#session = session;
    this.#turn = turn;
    this.#input.value = draft;
    this.#outbox = unsent;
    this.#filled = filled;
    if (open && !matches(NARROW)) this.open({ focus: false });
  }

  #forget() {
    this.#era += 1;
    this.#session = null;
    this.#outbox = [];
    this.#filled = undefined;
    this.#ready = null;
    this.#pinned = false;
    this.#input.value = '';
    this.#log.replaceChildren();
    this.#showLines(this.#opening?.data.helplines ?? LINES, false);
    keep('localStorage', {}); // for other windows
    this.#remember();
  }

  /** Another window went on, or cleared it. */
  #follow({ key, newValue }) {
    if (key !== KEY || !newValue || this.#shared) return;
    const { session = null, turn = 0 } = JSON.parse(newValue);
    const cleared = this.#session && !session;
    if (cleared) this.#forget();
    else if (this.#outbox.length || this.#log.querySelector('.contact')) return;
    this.#session = session;
    this.#turn = turn;
    this.#ready = null;
    if (this.#dialog.open) this.#begin().then(() => cleared && this.#note(this.#words.cleared));
  }
}

/** `on…` attributes are listeners; empty attributes and children are left out. */
function el(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (value) node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children.filter(Boolean));
  return node;
}

function icon(name) {
  const [svg, path] = ['svg', 'path'].map((tag) => document.createElementNS('http://www.w3.org/2000/svg', tag));
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  path.setAttribute('d', ICONS[name]);
  svg.append(path);
  return svg;
}

/** Blank lines part paragraphs; "- " begins a point of a list. */
function paragraphs(text, linked) {
  return text.split(/\n\s*\n/).flatMap((block) => {
    const runs = block.match(/(^- .*\n?)+|(^(?!- ).*\n?)+/gm) ?? [];
    return runs.map((run) => {
      if (!run.startsWith('- ')) return el('p', { dir: 'auto' }, ...inline(run.trim(), linked));
      const items = run.trim().split('\n');
      return el('ul', {}, ...items.map((item) => el('li', { dir: 'auto' }, ...inline(item.slice(2), linked))));
    });
  });
}

/** Links only in the assistant's words; phone numbers on one line. */
function inline(text, linked) {
  return text.split(/(https?:\/\/[^\s<>"]*[^\s<>".,;:!?)]|\b\d[\d-]{1,18}\d\b)/).map((part, i) => {
    if (i % 2 === 0) return part;
    if (linked && part.startsWith('h')) return el('a', { href: part, target: '_blank' }, part);
    return el('span', { class: 'number' }, part);
  });
}

const matches = (query) => matchMedia(query).matches;

/** Where storage is off, the chat works and forgets. */
function keep(area, value) {
  try {
    if (value) window[area].setItem(KEY, JSON.stringify(value));
    else window[area].removeItem(KEY);
  } catch {}
}

function kept(area) {
  try {
    return JSON.parse(window[area].getItem(KEY)) ?? {};
  } catch {
    return {};
  }
}

const STYLE = `
:host { display: contents; }
section { all: initial; font: medium/1.55 var(--clinic-chat-font, system-ui, sans-serif); color: var(--ink); overflow-wrap: anywhere;
  --paper: var(--clinic-chat-paper, #faf6ef);
  --card: var(--clinic-chat-card, #fff);
  --ink: var(--clinic-chat-ink, #21302f);
  --soft: #55625f;
  --line: #ddd5c7;
  --accent: var(--clinic-chat-accent, #14555a);
  --on-accent: var(--clinic-chat-on-accent, #fff);
  --mine: #dcebe7;
  --warm: #fdeee3;
  --on-warm: #7d3413;
  --radius: var(--clinic-chat-radius, 1.1em);
  --side: auto 1em;
  color-scheme: light;
}
:host([position="start"]) section { --side: 1em auto; }
@media (prefers-color-scheme: dark) {
  :host(:not([scheme="light"])) section {
    --paper: var(--clinic-chat-paper, #152120);
    --card: var(--clinic-chat-card, #1e2d2b);
    --ink: var(--clinic-chat-ink, #edf2ee);
    --soft: #b3c1bc;
    --line: #3b4d4a;
    --accent: var(--clinic-chat-accent, #8fd0c6);
    --on-accent: var(--clinic-chat-on-accent, #0d2523);
    --mine: #264643;
    --warm: #38261c;
    --on-warm: #ffd3b8;
    color-scheme: dark;
  }
}
[hidden] { display: none !important; }
* { box-sizing: border-box; }
h2, p, ul { margin: 0; padding: 0; }
button, textarea, input { font: inherit; color: inherit; }
button, textarea, .panel a, .ways a, .row input {
  min-block-size: 2.75em;
  padding: .5em 1em;
  border: 1px solid var(--line);
  border-radius: var(--radius);
  background: var(--card);
}
button, .panel a { color: var(--accent); cursor: pointer; text-align: center; text-decoration: none; }
button:hover, a:hover { border-color: currentColor; }
.main { background: var(--accent); color: var(--on-accent); border-color: transparent; font-weight: 600; }
.help, .ways a { background: var(--warm); color: var(--on-warm); font-weight: 600; }
.icon { inline-size: 2.75em; padding: 0; border-color: transparent; background: none; }
svg {
  inline-size: 1.5em;
  block-size: 1.5em;
  vertical-align: middle;
  fill: none;
  stroke: currentColor;
  stroke-width: 2;
  stroke-linecap: round;
  stroke-linejoin: round;
}
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.unseen { position: absolute; inline-size: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.number { white-space: nowrap; }

.corner, dialog { position: fixed; z-index: 2147483000; inset-block: auto 1em; inset-inline: var(--side); }
dialog > *, .corner > * { direction: ltr; }
.corner { display: flex; flex-wrap: wrap; justify-content: end; gap: .5em; max-inline-size: calc(100vw - 2em); }
.corner button { border-radius: 2em; }
.corner button, dialog { box-shadow: 0 4px 24px #14232033; }
dialog {
  inline-size: min(26em, 100vw - 2em);
  block-size: min(44em, var(--seen, 100vh) - 2em);
  max-inline-size: none;
  max-block-size: none;
  margin: 0;
  padding: 0;
  border: 1px solid var(--line);
  border-radius: var(--radius);
  background: var(--paper);
  color: inherit;
  overflow: hidden;
  outline: none;
}
dialog[open] { display: flex; flex-direction: column; scroll-padding-block: 4em; }
dialog::backdrop { background: none; }
@media ${NARROW} {
  dialog { inset: 0; inline-size: 100%; block-size: var(--seen, 100vh); border: 0; border-radius: 0; }
}
header { display: flex; align-items: center; padding-block: .6em .3em; padding-inline: 1.1em .5em; }
header div { flex: 1; }
h2 { font-size: 1.1em; line-height: 1.3; }
header p, small, .hint, .note, .typing, .panel p, .choices p, details, #count { font-size: .9375em; color: var(--soft); }
.strip, .choices, .tools, .ways { display: flex; flex-wrap: wrap; align-items: center; gap: .5em; }
.strip { padding: .3em .8em .7em; border-block-end: 1px solid var(--line); }
.strip .help { flex: 1; }
.panel { flex: none; max-block-size: 50%; overflow: auto; padding: .8em 1.1em; border-block-end: 1px solid var(--line); background: var(--card); }
#menu, .lines, .contact { display: grid; gap: .6em; }
#menu label { display: flex; align-items: center; gap: .7em; min-block-size: 2.75em; }
[type="checkbox"] { inline-size: 1.5em; block-size: 1.5em; margin: 0; accent-color: var(--accent); }
.lines { list-style: none; }
.lines li { display: flex; flex-wrap: wrap; align-items: center; justify-content: space-between; gap: .2em .8em; }
.lines li > :first-child { flex: 1 1 12em; line-height: 1.35; }
b, small { display: block; }
.panel .lines { margin-block-start: .6em; }
.short .lines { display: flex; flex-wrap: wrap; gap: .4em; margin: 0; }
.short p, .short li > :first-child { display: none; }
.short li, .short .ways { display: contents; }
.short a { padding-inline: .7em; }
.ways a { display: inline-flex; align-items: center; text-decoration: none; }

.log {
  position: relative;
  flex: 1;
  display: flex;
  flex-direction: column;
  gap: 1em;
  padding: 1.1em;
  overflow-y: auto;
  overscroll-behavior: contain;
  scroll-padding: .8em;
}
.log:focus-visible { outline-offset: -3px; }
.message { display: grid; gap: .6em; justify-items: start; }
.words, .contact { border: 1px solid var(--line); border-radius: var(--radius); padding: .75em 1em; background: var(--card); }
.you { justify-items: end; padding-inline-start: 2.5em; }
.you .words { background: var(--mine); border-color: transparent; border-end-end-radius: .3em; }
.assistant .words { border-end-start-radius: .3em; }
.words p { white-space: pre-line; }
.words > p ~ * { margin-block-start: .7em; }
.words > ul:not(.lines) { padding-inline-start: 1.2em; }
p a, li > a, summary { color: var(--accent); }
summary { cursor: pointer; padding-block: .6em; }
details p { border-inline-start: 3px solid var(--line); padding-inline-start: .8em; }
.choices button { text-align: start; }
.choices p { inline-size: 100%; }
.tools > button { border-color: transparent; background: none; color: var(--soft); }
.tools [aria-pressed="true"] { color: var(--accent); border-color: currentColor; }
.you .note { text-align: end; }
.you .note, .problem { color: var(--on-warm); }
.note button { margin-block-start: .5em; }

.typing { padding-inline: 1.5em; min-block-size: 1.6em; }
@media (prefers-reduced-motion: no-preference) {
  .log { scroll-behavior: smooth; }
  .typing { animation: breathe 2s infinite; }
  @keyframes breathe { 50% { opacity: .4; } }
}
.composer { display: flex; flex-wrap: wrap; gap: .5em; align-items: end; padding: .3em .8em .8em; }
textarea, .row input { border-color: var(--soft); resize: none; }
::placeholder { color: var(--soft); opacity: 1; }
.composer textarea { flex: 1; min-inline-size: 0; max-block-size: 8em; field-sizing: content; }
.composer button { inline-size: 2.9em; padding: 0; border-radius: 50%; }
#count { inline-size: 100%; }
#count:empty, .hint:empty, .problem:empty { display: none; }
.contact { inline-size: 100%; gap: 1em; }
.row { display: grid; gap: .3em; }
.row label, .problem { font-weight: 600; }
.box { grid-template-columns: auto 1fr; align-items: center; gap: .3em .7em; }
.box label { font-weight: 400; }
.box .problem { grid-column: 2; }
[aria-invalid="true"] { border: 2px solid var(--on-warm) !important; }
@media (max-height: 30em) {
  dialog { overflow: auto; }
  header p { display: none; }
  .panel { max-block-size: none; }
  .log { flex: none; overflow: visible; }
  .strip, .composer { position: sticky; inset-block: 0; background: var(--paper); z-index: 1; }
}
@media (forced-colors: active) {
  .icon, .main, .you .words, .tools > button { border-color: ButtonText; color: ButtonText; }
  [aria-pressed="true"] { outline: 3px solid Highlight; }
}
`;

if (!customElements.get(KEY)) customElements.define(KEY, ClinicChat);

if (!document.querySelector(KEY)) document.body.append(document.createElement(KEY));
