// Windows and menus: a person's details, a new phone, attachments.

import { control } from "./api.js";
import { dialog, el, menu } from "./dom.js";
import { language, t } from "./texts.js";

const STICKERS = ["👍", "❤️", "😂", "🎉", "☕️", "🤔", "😢", "🔥"];

function field(label, name, value, attributes = {}) {
  return el("label", {}, el("span", {}, label), el("input", { name, value: value || "", autocomplete: "off", ...attributes }));
}

export function personDialog(app, person = null) {
  const choice = el("select", { name: "language_code" }, ...["ru", "en", "uk", "kk", "de", "es"].map((code) => el("option", { value: code }, code)));
  choice.value = person?.language_code || language;
  const form = el("form", { method: "dialog", class: "form" },
    field(t("firstName"), "first_name", person?.first_name, { required: true, maxlength: "64" }),
    field(t("lastName"), "last_name", person?.last_name, { maxlength: "64" }),
    field(t("username"), "username", person?.username, { pattern: "[A-Za-z][A-Za-z0-9_]{3,31}", maxlength: "32" }),
    field(t("phone"), "phone", person?.phone, { type: "tel", pattern: "\\+?[0-9]{7,15}", placeholder: "+79001234567" }),
    el("label", {}, el("span", {}, t("personLanguage")), choice),
    el("div", { class: "actions" },
      el("button", { type: "button", onclick: () => box.close() }, t("cancel")),
      el("button", { type: "submit", class: "primary" }, person ? t("save") : t("add"))));
  const box = dialog(person ? t("settings") : t("newPerson"), form);
  form.addEventListener("submit", async () => {
    const facts = Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, String(value).trim() || null]));
    const id = person?.id || Math.max(1003, ...app.people.map((one) => one.id)) + 1;
    await control("PUT", `/users/${id}`, facts);
    if (!person) await app.addPhone(id);
  });
}

export function addMenu(app, anchor) {
  const hidden = app.people.filter((person) => !app.phones.some((phone) => phone.person.id === person.id)).slice(0, 12);
  if (!hidden.length) { personDialog(app); return; }
  menu(anchor, [
    { label: t("newPerson"), icon: "plus", run: () => personDialog(app) },
    ...hidden.map((person) => ({ label: person.first_name, hint: person.phone || "", icon: "person", run: () => app.addPhone(person.id) })),
  ]);
}

export function attachMenu(phone, anchor) {
  menu(anchor, [
    { label: t("sendPhoto"), icon: "scan", run: () => pickPhoto(phone) },
    { label: t("sendSticker"), icon: "plus", run: () => stickers(phone, anchor) },
    { label: t("sendVoice"), icon: "play", run: () => phone.send({ voice: true }) },
    { label: t("sendContact"), icon: "person", run: () => phone.send({ contact: "own" }) },
    { label: t("sendOther"), icon: "person", run: () => phone.send({ contact: { phone: "+79005550199", first_name: t("person") } }) },
  ]);
}

function stickers(phone, anchor) {
  menu(anchor, STICKERS.map((emoji) => ({ label: emoji, run: () => phone.send({ sticker: emoji }) })));
}

function pickPhoto(phone) {
  const input = el("input", { type: "file", accept: "image/png,image/jpeg,image/gif,image/webp" });
  input.addEventListener("change", () => {
    const [file] = input.files;
    if (!file) return;
    const reader = new FileReader();
    reader.addEventListener("load", () => phone.send({ photo: { data: reader.result, name: file.name } }));
    reader.readAsDataURL(file);
  });
  input.click();
}
