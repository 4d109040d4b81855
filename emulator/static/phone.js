// One phone: a person, the bot they talk to, and their chat.

import { botLink, control, sharedLink } from "./api.js";
import { avatar, dialog, el, icon, iconButton, menu } from "./dom.js";
import { attachMenu, personDialog } from "./dialogs.js";
import { bubble } from "./message.js";
import { dayLabel, sameDay, t } from "./texts.js";

const ROLES = { 1001: "customer", 1002: "friend", 1003: "cashier" };

export class Phone {
  constructor(app, person) {
    this.app = app;
    this.person = person;
    this.bot = null;
    this.messages = new Map();
    this.keyboard = null;
    this.commands = [];
    this.blocked = false;
    this.started = false;
    this.keysShown = true;
    this.keysOf = 0;
    this.unread = 0;
    this.draft = "";
    this.root = el("section", { class: "phone", "data-user": String(person.id) });
    this.act = {
      link: (url, anchor) => this.openLink(url, anchor),
      command: (text) => this.send({ text }),
      copy: (text) => this.copy(text),
      say: (text) => this.toast(text),
      now: () => this.app.now(),
      photo: (message) => this.showPhoto(message),
      scan: (message, other, node) => this.scan(message, other, node),
      press: (message, item, node) => this.press(message, item, node),
    };
    this.frame();
  }

  get role() { return ROLES[this.person.id] ? t(ROLES[this.person.id]) : this.person.username ? `@${this.person.username}` : t("person"); }

  get others() { return this.app.phones.filter((phone) => phone !== this).map((phone) => phone.person); }

  frame() {
    this.list = el("div", { class: "list", role: "log", "aria-live": "polite", tabindex: "0" });
    this.atEnd = true;
    this.list.addEventListener("scroll", () => this.noteScroll());
    new ResizeObserver(() => { if (this.atEnd) this.scrollDown(); }).observe(this.list);
    this.toasts = el("div", { class: "toasts", "aria-live": "assertive" });
    this.toBottom = iconButton("down", t("down"), () => this.scrollDown(), "to-bottom hidden");
    this.head = el("header", { class: "head" });
    this.foot = el("footer", { class: "foot" });
    this.root.replaceChildren(this.head, el("div", { class: "body" }, this.list, this.toBottom, this.toasts), this.foot);
  }

  drawHead() {
    const bot = this.app.bots.find((one) => one.id === this.bot);
    const status = this.action || (this.person.deactivated ? t("deactivated") : this.blocked ? t("blocked") : t("bot"));
    const who = el("div", { class: "who" },
      el("div", { class: "owner" }, el("b", {}, this.person.first_name), el("span", {}, this.role)),
      el("div", { class: "talks" }, el("span", { class: "bot-name" }, bot ? bot.first_name : "—"), el("span", { class: this.action ? "status live" : "status" }, status)));
    if (this.app.bots.length > 1) {
      who.classList.add("choice");
      who.setAttribute("role", "button");
      who.setAttribute("tabindex", "0");
      who.title = t("chooseBot");
      who.onclick = () => menu(who, this.app.bots.map((one) => ({ label: one.first_name, hint: `@${one.username}`, run: () => this.choose(one.id) })), t("chooseBot"));
      who.querySelector(".talks").append(icon("down"));
    }
    this.head.replaceChildren(avatar(this.person.id, this.person.first_name), who,
      iconButton("more", t("menu"), (event) => this.openMenu(event.currentTarget)));
  }

  openMenu(anchor) {
    menu(anchor, [
      { label: t("settings"), icon: "person", run: () => personDialog(this.app, this.person) },
      ...(this.bot && this.started ? [this.blocked
        ? { label: t("unblock"), icon: "lock", run: () => this.setBlocked(false) }
        : { label: t("block"), icon: "lock", danger: true, run: () => this.setBlocked(true) }] : []),
      { label: t("remove"), icon: "close", danger: true, run: () => this.app.hide(this) },
    ]);
  }

  async choose(bot) {
    this.bot = bot;
    this.action = "";
    await this.load();
  }

  async load() {
    if (!this.bot) { this.drawAll(); return; }
    const wanted = this.bot;
    const screen = await control("GET", `/users/${this.person.id}/screen?bot=${wanted}`);
    if (wanted !== this.bot) return;
    this.messages = new Map(screen.messages.map((message) => [message.message_id, message]));
    this.takeKeyboard(screen.keyboard);
    Object.assign(this, { commands: screen.commands, blocked: screen.blocked, started: screen.started, description: screen.description });
    this.drawAll();
  }

  drawAll() { this.drawHead(); this.drawList(); this.drawFoot(); }

  drawList() {
    const nodes = [];
    let last = null;
    for (const message of this.messages.values()) {
      if (last === null || !sameDay(last, message.date)) nodes.push(el("div", { class: "day" }, dayLabel(message.date, this.app.now())));
      last = message.date;
      nodes.push(bubble(message, this.act, this.others));
    }
    if (!nodes.length) nodes.push(this.welcome());
    this.list.replaceChildren(...nodes);
    this.scrollDown();
  }

  welcome() {
    if (this.bot) return el("div", { class: "welcome" }, this.description || t("empty"));
    const address = el("code", { onclick: () => this.copy(location.origin) }, location.origin);
    return el("div", { class: "welcome" }, t("noBots"), el("br"), address);
  }

  // A keyboard opens when it comes and, if it is for one use, closes by itself once used.
  takeKeyboard(keyboard) {
    this.keyboard = keyboard;
    if (!keyboard) return;
    if (keyboard.message_id !== this.keysOf) this.keysShown = true;
    if (keyboard.used && keyboard.used !== this.keysUsed) this.keysShown = false;
    this.keysOf = keyboard.message_id;
    this.keysUsed = keyboard.used;
  }

  receive(message, keyboard) {
    this.takeKeyboard(keyboard);
    const known = this.messages.has(message.message_id);
    const { atEnd } = this;
    const newest = [...this.messages.values()].at(-1);
    this.messages.set(message.message_id, message);
    this.started = true;
    this.setAction("");
    if (known) {
      this.list.querySelector(`[data-id="${message.message_id}"]`)?.replaceWith(bubble(message, this.act, this.others));
      if (atEnd) this.scrollDown();
    } else {
      if (!newest) this.list.replaceChildren();
      if (!newest || !sameDay(newest.date, message.date)) this.list.append(el("div", { class: "day" }, dayLabel(message.date, this.app.now())));
      const node = bubble(message, this.act, this.others);
      node.classList.add("new");
      this.list.append(node);
      if (message.from.is_bot && !this.app.isVisible(this)) this.unread += 1;
      if (atEnd || !message.from.is_bot) this.scrollDown();
    }
    this.drawFoot();
    this.app.drawTabs();
  }

  removed(messageId) {
    this.messages.delete(messageId);
    this.list.querySelector(`[data-id="${messageId}"]`)?.remove();
    if (!this.messages.size) this.drawList();
  }

  setAction(action) {
    clearTimeout(this.actionTimer);
    const text = !action ? "" : action === "typing" ? t("typing") : t("sending");
    if (text) this.actionTimer = setTimeout(() => this.setAction(""), 5000);
    if (text !== (this.action || "")) { this.action = text; this.drawHead(); }
  }

  noteScroll() {
    this.atEnd = this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < 120;
    this.toBottom.classList.toggle("hidden", this.atEnd);
  }

  scrollDown() {
    this.atEnd = true;
    this.toBottom.classList.add("hidden");
    requestAnimationFrame(() => { this.list.scrollTop = this.list.scrollHeight; });
  }

  drawFoot() {
    const focused = this.foot.contains(document.activeElement);
    if (!this.bot) { this.foot.replaceChildren(); return; }
    if (this.blocked) { this.foot.replaceChildren(el("button", { class: "wide", type: "button", onclick: () => this.setBlocked(false) }, t("unblock"))); return; }
    if (!this.started) { this.foot.replaceChildren(el("button", { class: "wide primary", type: "button", onclick: () => this.send({ text: "/start" }) }, t("start"))); return; }
    const box = el("textarea", { class: "box", rows: "1", placeholder: this.keyboard?.placeholder || t("message"), "aria-label": t("message"), maxlength: "4096" });
    box.value = this.draft;
    const go = iconButton("send", t("sendLabel"), () => this.sendBox(box), "send");
    const grow = () => { box.style.height = "auto"; box.style.height = `${Math.min(box.scrollHeight, 120)}px`; go.classList.toggle("off", !box.value.trim()); };
    box.addEventListener("input", () => { this.draft = box.value; grow(); this.suggest(box); });
    box.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); this.sendBox(box); }
    });
    const line = el("div", { class: "compose" }, iconButton("clip", t("attach"), (event) => attachMenu(this, event.currentTarget)), box);
    if (this.commands.length) line.prepend(el("button", { class: "slash", type: "button", title: t("commands"), "aria-label": t("commands"), onclick: (event) => this.showCommands(event.currentTarget) }, "/"));
    if (this.keyboard) line.append(iconButton("keys", t("keyboard"), () => { this.keysShown = !this.keysShown; this.drawFoot(); }, this.keysShown ? "on" : ""));
    line.append(go);
    this.foot.replaceChildren(line);
    if (this.keyboard && this.keysShown) this.foot.append(this.replyKeys());
    grow();
    if (focused) box.focus();
  }

  replyKeys() {
    const { rows, resize } = this.keyboard;
    return el("div", { class: resize ? "reply-keys" : "reply-keys tall" }, ...rows.map((line) => el("div", { class: "line" }, ...line.map((item) =>
      el("button", { class: `key ${["danger", "success", "primary"].includes(item.style) ? item.style : ""}`, type: "button", onclick: () => this.pressReply(item) }, el("span", {}, item.text))))));
  }

  showCommands(anchor, filter = "") {
    const found = this.commands.filter((one) => `/${one.command}`.startsWith(filter));
    if (found.length) menu(anchor, found.map((one) => ({ label: `/${one.command}`, hint: one.description, run: () => this.send({ text: `/${one.command}` }) })));
  }

  suggest(box) {
    this.foot.querySelector(".suggest")?.remove();
    if (!/^\/\w*$/.test(box.value)) return;
    const found = this.commands.filter((one) => `/${one.command}`.startsWith(box.value)).slice(0, 8);
    if (!found.length) return;
    this.foot.prepend(el("div", { class: "suggest" }, ...found.map((one) => el("button", { type: "button", onclick: () => { this.draft = ""; box.value = ""; this.send({ text: `/${one.command}` }); } },
      el("b", {}, `/${one.command}`), el("span", {}, one.description)))));
  }

  async sendBox(box) {
    const text = box.value.trim();
    if (!text) return;
    this.draft = "";
    box.value = "";
    this.foot.querySelector(".suggest")?.remove();
    await this.send({ text });
  }

  call(path, body) { return this.tried(control("POST", `/users/${this.person.id}/${path}`, body)); }

  async tried(promise) {
    try { return await promise; } catch (error) { this.toast(error.message); return null; }
  }

  send(what) { return this.call("send", { bot: this.bot, ...what }); }

  setBlocked(blocked) { return this.call(blocked ? "block" : "unblock", { bot: this.bot }); }

  async pressReply(item) {
    if (item.request_contact && !(await this.confirm(t("shareAsk"), t("share")))) return;
    if (item.web_app) { this.openLink(item.web_app.url, this.foot); return; }
    await this.call("tap", { bot: this.bot, message_id: this.keyboard.message_id, button: item.text });
  }

  async press(message, item, node) {
    if (item.url || item.web_app) { this.openLink(item.url || item.web_app.url, node); return; }
    if (item.copy_text) { this.copy(item.copy_text.text); return; }
    node.classList.add("waiting");
    const done = await this.call("tap", { bot: this.bot, message_id: message.message_id, button: item.callback_data ?? item.text });
    node.classList.remove("waiting");
    if (!done) return;
    if (!done.answer) { this.toast(t("noAnswer")); return; }
    if (done.answer.url) this.openLink(done.answer.url, node);
    if (!done.answer.text) return;
    if (done.answer.show_alert) this.alert(done.answer.text);
    else this.toast(done.answer.text);
  }

  openLink(url, anchor) {
    const shared = sharedLink(url);
    const target = shared || botLink(url);
    if (!target) { window.open(url, "_blank", "noopener,noreferrer"); return; }
    const here = shared ? [] : [{ label: t("openHere"), icon: "link", run: () => this.follow(target, this) }];
    const there = this.app.phones.filter((phone) => phone !== this).map((phone) => ({
      label: t(shared ? "shareWith" : "openOn", { name: phone.person.first_name }), icon: "person", run: () => this.follow(target, phone) }));
    menu(anchor, [...here, ...there, { label: t("copyLink"), icon: "copy", run: () => this.copy(target) }]);
  }

  async follow(link, phone) {
    const done = await this.tried(control("POST", `/users/${phone.person.id}/open`, { link }));
    if (done) await this.app.show(phone, done.bot);
  }

  async scan(message, other, node) {
    node.classList.add("waiting");
    const done = await this.tried(control("POST", `/users/${other.id}/scan`, { user: this.person.id, message_id: message.message_id, bot: this.bot }));
    node.classList.remove("waiting");
    const phone = this.app.phones.find((one) => one.person.id === other.id);
    if (done && phone) await this.app.show(phone, done.bot);
  }

  showPhoto(message) {
    const image = el("img", { class: "photo-large", src: message.photo, alt: t("photo"), draggable: !message.protected });
    if (message.protected) image.addEventListener("contextmenu", (event) => event.preventDefault());
    const save = message.protected
      ? el("span", { class: "protected-note" }, icon("lock"), t("protected"))
      : el("a", { class: "button", href: message.photo, download: "photo" }, t("savePhoto"));
    const scan = message.from.is_bot && this.others.length
      ? el("div", { class: "actions" }, el("span", {}, t("scanWith")), ...this.others.map((other) => el("button", { type: "button", onclick: (event) => { const node = event.currentTarget; this.scan(message, other, node).then(() => box.close()); } }, other.first_name)))
      : null;
    const box = dialog(this.person.first_name, image, ...(scan ? [scan] : []), el("div", { class: "actions" }, save, el("button", { type: "button", onclick: () => box.close() }, t("close"))));
  }

  async copy(text) {
    try { await navigator.clipboard.writeText(text); this.toast(t("copied")); } catch { this.toast(text); }
  }

  toast(text) {
    const node = el("div", { class: "toast" }, text);
    this.toasts.append(node);
    setTimeout(() => node.remove(), 3500);
  }

  alert(text) {
    const cover = el("div", { class: "cover", role: "alertdialog" });
    const ok = el("button", { type: "button", onclick: () => cover.remove() }, t("ok"));
    cover.append(el("div", { class: "alert" }, el("p", {}, text), el("div", { class: "actions" }, ok)));
    this.root.append(cover);
    ok.focus();
  }

  confirm(text, yes) {
    return new Promise((resolve) => {
      const cover = el("div", { class: "cover", role: "alertdialog" });
      const end = (answer) => () => { cover.remove(); resolve(answer); };
      const go = el("button", { type: "button", class: "primary", onclick: end(true) }, yes);
      cover.append(el("div", { class: "alert" }, el("p", {}, text), el("div", { class: "actions" }, el("button", { type: "button", onclick: end(false) }, t("cancel")), go)));
      this.root.append(cover);
      go.focus();
    });
  }
}
