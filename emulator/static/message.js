// One bubble with what hangs below it.

import { avatar, el, icon } from "./dom.js";
import { rich } from "./entities.js";
import { size, t, time } from "./texts.js";

const STYLES = new Set(["danger", "success", "primary"]);
const EMOJI = /^(\p{Extended_Pictographic}\uFE0F?){1,3}$/u;

function photo(message, act, others) {
  if (!message.photo) return [];
  const [width, height] = message.photo_size || [0, 0];
  const image = el("img", { class: "photo", src: message.photo, alt: t("photo"), draggable: !message.protected, onclick: () => act.photo(message) });
  if (width && height) { image.width = width; image.height = height; }
  if (message.protected) image.addEventListener("contextmenu", (event) => event.preventDefault());
  const nodes = [message.spoiler ? hidden(image) : image];
  if (message.from.is_bot && others.length) {
    nodes.push(el("div", { class: "scan" }, icon("scan"), el("span", {}, t("scanWith")),
      ...others.map((person) => el("button", { type: "button", onclick: (event) => act.scan(message, person, event.currentTarget) }, person.first_name))));
  }
  return nodes;
}

// Behind a blur until the first tap.
function hidden(image) {
  const cover = el("button", { type: "button", class: "media-spoiler", "aria-label": t("spoiler"), onclick: () => cover.replaceWith(image) });
  cover.append(image.cloneNode());
  return cover;
}

function attachment(message) {
  const file = message.file;
  if (!file) return [];
  if (file.kind === "sticker") return [el("div", { class: "sticker" }, file.emoji || "🙂")];
  if (file.kind === "voice") {
    return [el("div", { class: "chip" }, icon("play"), el("span", { class: "wave", "aria-hidden": "true" }), el("span", {}, t("voice")))];
  }
  if (file.kind === "animation" && file.url) return [el("img", { class: "photo", src: file.url, alt: file.name })];
  const label = el("span", { class: "file-name" }, el("b", {}, file.name || file.kind), el("small", {}, message.protected ? t("protected") : size(file.size)));
  if (message.protected || !file.url) return [el("div", { class: "chip" }, icon(message.protected ? "lock" : "file"), label)];
  return [el("a", { class: "chip", href: file.url, download: file.name || "file", title: t("download") }, icon("file"), label)];
}

function contact(message) {
  if (!message.contact) return [];
  const name = [message.contact.first_name, message.contact.last_name].filter(Boolean).join(" ");
  return [el("div", { class: "chip contact" }, avatar(message.contact.user_id || 0, name, "small"),
    el("span", {}, el("b", {}, name), el("br"), message.contact.phone_number))];
}

function button(message, item, act) {
  const node = el("button", { type: "button", class: "key", title: item.text }, el("span", {}, item.text));
  if (STYLES.has(item.style)) node.classList.add(item.style);
  if (item.disabled) { node.disabled = true; node.setAttribute("aria-disabled", "true"); node.append(icon("lock")); }
  if (item.url || item.web_app) node.append(icon("link"));
  if (item.copy_text) node.append(icon("copy"));
  node.addEventListener("click", () => act.press(message, item, node));
  return node;
}

function meta(message, extra = "") {
  const node = el("span", { class: `meta ${extra}`, "aria-hidden": extra ? "true" : null });
  if (message.protected) node.append(icon("lock"));
  if (message.pinned) node.append(icon("pin"));
  if (message.edited) node.append(`${t("edited")} `);
  node.append(time(message.date));
  return node;
}

function startOnly(message) {
  return !message.from.is_bot && /^\/start \S+$/.test(message.text || "") ? "/start" : "";
}

export function bubble(message, act, others) {
  const mine = !message.from.is_bot;
  // As in Telegram, what a link hands to the bot is not shown in the chat.
  const text = startOnly(message) || message.text || message.caption || "";
  const large = mine === false && !message.photo && EMOJI.test(text);
  const sticker = message.file?.kind === "sticker";
  const node = el("div", { class: `bubble ${mine ? "mine" : "theirs"}${sticker ? " bare" : ""}${large ? " large" : ""}${message.photo ? " with-photo" : ""}${message.protected ? " protected" : ""}` });
  if (message.forward_origin) node.append(el("div", { class: "note" }, t("forwarded")));
  if (message.reply_to_message) {
    const quoted = message.reply_to_message;
    node.append(el("div", { class: "quote" }, quoted.text || quoted.caption || t("photo")));
  }
  node.append(...photo(message, act, others), ...attachment(message), ...contact(message));
  // The time sits in the last line of the text; an unseen copy of it keeps its place free.
  if (text) node.append(el("div", { class: "text" }, ...rich(text, message.entities, message.protected ? { ...act, guarded: true } : act), meta(message, "ghost")));
  node.append(meta(message));
  if (message.reactions?.length) node.append(el("span", { class: "reactions" }, message.reactions.join(" ")));
  const row = el("div", { class: `row ${mine ? "mine" : "theirs"}${message.photo ? " photo-row" : ""}`, "data-id": String(message.message_id) }, node);
  if (message.buttons.length) {
    row.append(el("div", { class: "keys" }, ...message.buttons.map((line) =>
      el("div", { class: "line" }, ...line.map((item) => button(message, item, act))))));
  }
  return row;
}
