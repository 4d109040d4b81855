// The page: phones side by side, tabs on a small screen, the clock.

import { control, listen } from "./api.js";
import { addMenu } from "./dialogs.js";
import { avatar, el, icon, iconButton, menu } from "./dom.js";
import { Phone } from "./phone.js";
import { language, moment, setLanguage, t } from "./texts.js";

const STEPS = [["1h", "hours"], ["1d", "day"], ["3d", "days"], ["7d", "week"], ["30d", "month"]];
const PHONES = ["+79001110001", "+79001110002", "+79001110003"];
const SHOWN_AT_FIRST = 3;

const app = {
  bots: [], people: [], phones: [], active: 0, offset: 0, productClock: false, connected: false, moving: false,

  now() { return Date.now() / 1000 + this.offset; },

  narrow() { return matchMedia("(max-width: 760px)").matches; },

  isVisible(phone) { return !document.hidden && (!this.narrow() || this.phones[this.active] === phone); },

  async load() {
    let state = await control("GET", "/state");
    if (!state.people.length) {
      for (const [index, name] of t("names").entries()) {
        await control("PUT", `/users/${1001 + index}`, { first_name: name, language_code: language, phone: PHONES[index] });
      }
      state = await control("GET", "/state");
    }
    Object.assign(this, { bots: state.bots, people: state.people, productClock: state.product_clock });
    this.offset = state.now - Date.now() / 1000;
    const wanted = JSON.parse(localStorage.getItem("phones") || "null");
    const known = this.people.filter((person) => wanted?.includes(person.id));
    const shown = known.length ? known : this.people.slice(0, SHOWN_AT_FIRST);
    this.phones = shown.map((person) => this.phones.find((phone) => phone.person.id === person.id) || new Phone(this, person));
    for (const phone of this.phones) phone.person = this.people.find((person) => person.id === phone.person.id);
    this.active = Math.min(this.active, this.phones.length - 1);
    this.draw();
    await this.chooseBots(true);
  },

  async chooseBots(reload = false) {
    const known = new Set(this.bots.map((bot) => bot.id));
    await Promise.all(this.phones.map((phone) => {
      if (known.has(phone.bot)) { phone.drawHead(); return reload ? phone.load() : null; }
      phone.bot = this.bots[0]?.id ?? null;
      return phone.load();
    }));
  },

  remember() { localStorage.setItem("phones", JSON.stringify(this.phones.map((phone) => phone.person.id))); },

  async addPhone(id) {
    const people = await control("GET", "/users");
    this.people = people.slice(0, 200);
    const person = people.find((one) => one.id === id);
    if (!this.phones.some((phone) => phone.person.id === id)) this.phones.push(new Phone(this, person));
    this.remember();
    this.active = this.phones.length - 1;
    this.draw();
    await this.chooseBots();
    this.phones[this.active].root.scrollIntoView({ behavior: "smooth", inline: "center" });
  },

  hide(phone) {
    this.phones = this.phones.filter((one) => one !== phone);
    this.active = Math.max(0, Math.min(this.active, this.phones.length - 1));
    this.remember();
    this.draw();
    for (const one of this.phones) one.drawList();
  },

  async show(phone, bot) {
    this.active = this.phones.indexOf(phone);
    if (phone.bot !== bot) await phone.choose(bot);
    this.drawTabs();
    if (!this.narrow()) phone.root.scrollIntoView({ behavior: "smooth", inline: "nearest" });
    phone.scrollDown();
    phone.root.classList.remove("flash");
    requestAnimationFrame(() => phone.root.classList.add("flash"));
  },

  draw() {
    this.drawBar();
    document.getElementById("phones").replaceChildren(...this.phones.map((phone) => phone.root));
    this.drawTabs();
  },

  drawBar() {
    document.title = t("title");
    document.documentElement.lang = language;
    const clock = this.productClock
      ? el("button", { class: "clock", type: "button", title: t("clock"), disabled: this.moving, onclick: (event) => menu(event.currentTarget, STEPS.map(([span, key]) => ({ label: t(key), icon: "clock", run: () => this.move(span) })), t("clock")) },
        icon("clock"), el("span", { id: "now" }, this.moving ? t("moving") : moment(this.now())), el("span", { class: "plus" }, "+"))
      : el("span", { class: "clock still" }, icon("clock"), el("span", { id: "now" }, moment(this.now())));
    document.getElementById("bar").replaceChildren(
      el("img", { class: "logo", src: "/static/icon.svg", alt: "" }),
      el("div", { class: "titles" }, el("h1", {}, t("title")), el("p", {}, this.connected ? t("subtitle") : t("restarting"))),
      el("div", { class: "spacer" }), clock,
      el("button", { class: "text-button", type: "button", "aria-label": t("languageLabel"), onclick: () => this.switchLanguage() }, language === "ru" ? "EN" : "RU"),
      iconButton("sun", t("theme"), () => this.switchTheme()),
      iconButton("plus", t("addPhone"), (event) => addMenu(this, event.currentTarget), "accent"));
  },

  drawTabs() {
    const nodes = this.phones.map((phone, index) => {
      if (this.isVisible(phone)) phone.unread = 0;
      phone.root.classList.toggle("active", index === this.active);
      const badge = phone.unread ? el("span", { class: "badge", "aria-label": t("unread", { n: phone.unread }) }, String(phone.unread)) : null;
      return el("button", { type: "button", role: "tab", "aria-selected": String(index === this.active), class: index === this.active ? "tab on" : "tab", onclick: () => { this.active = index; this.drawTabs(); phone.scrollDown(); } },
        avatar(phone.person.id, phone.person.first_name, "small"), el("span", { class: "tab-name" }, el("b", {}, phone.person.first_name), el("small", {}, phone.role)), badge);
    });
    document.getElementById("tabs").replaceChildren(...nodes);
  },

  switchLanguage() {
    setLanguage(language === "ru" ? "en" : "ru");
    for (const phone of this.phones) { phone.frame(); phone.drawAll(); }
    this.draw();
  },

  switchTheme() {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    localStorage.setItem("theme", root.dataset.theme);
  },

  async move(advance) {
    this.moving = true;
    this.drawBar();
    let note;
    try {
      await control("POST", "/product-clock", { advance });
      this.clockMoved((await control("GET", "/clock")).now);
      note = t("moved", { when: moment(this.now()) });
    } catch (error) {
      note = `${t("noMove")}: ${error.message}`;
    }
    this.moving = false;
    this.drawBar();
    this.notice(note);
  },

  notice(text) {
    document.querySelector(".notice")?.remove();
    const node = el("div", { class: "notice", role: "status" }, text);
    document.body.append(node);
    setTimeout(() => node.remove(), 4000);
  },

  // Day separators are relative to the clock.
  clockMoved(now) {
    this.offset = now - Date.now() / 1000;
    this.drawBar();
    for (const phone of this.phones) phone.drawList();
  },

  async event(event) {
    if (event.kind === "reset") { this.phones = []; await this.load(); return; }
    if (event.kind === "bots") { this.bots = await control("GET", "/bots"); await this.chooseBots(); return; }
    if (event.kind === "clock") { this.clockMoved(event.now); return; }
    if (event.kind === "person") { this.changed(event.person); return; }
    for (const phone of this.phones) {
      if (event.kind === "commands" && event.bot === phone.bot) {
        const screen = await control("GET", `/users/${phone.person.id}/screen?bot=${phone.bot}`);
        phone.commands = screen.commands;
        this.bots = await control("GET", "/bots");
        phone.drawHead();
        phone.drawFoot();
      }
      if (event.user !== phone.person.id || event.bot !== phone.bot) continue;
      if (event.kind === "message") phone.receive(event.message, event.keyboard);
      if (event.kind === "removed") phone.removed(event.message_id);
      if (event.kind === "action") phone.setAction(event.action);
      if (event.kind === "chat") { phone.blocked = event.blocked; phone.started = true; phone.drawHead(); phone.drawFoot(); }
    }
  },

  changed(person) {
    const at = this.people.findIndex((one) => one.id === person.id);
    if (at >= 0) this.people[at] = person; else this.people.push(person);
    const phone = this.phones.find((one) => one.person.id === person.id);
    if (phone) { phone.person = person; phone.drawHead(); this.drawTabs(); }
  },
};

const theme = localStorage.getItem("theme");
if (theme) document.documentElement.dataset.theme = theme;
setLanguage(language);
document.addEventListener("visibilitychange", () => app.drawTabs());
matchMedia("(max-width: 760px)").addEventListener("change", () => app.drawTabs());
setInterval(() => { const now = document.getElementById("now"); if (now && !app.moving) now.textContent = moment(app.now()); }, 10000);

// Events are handled one after the other, and only after everything is on the page.
let queue = app.load();
listen(
  (event) => { queue = queue.then(() => app.event(event)).catch((error) => console.error(error)); },
  (connected, again) => {
    app.connected = connected;
    app.drawBar();
    if (connected && again) queue = queue.then(() => app.load()).catch((error) => console.error(error));
  },
);
