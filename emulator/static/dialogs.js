// Windows and menus: a person's details, a new phone, attachments.

import { control } from "./api.js";
import { dialog, el, menu } from "./dom.js";
import { language, t } from "./texts.js";

const FEW = 5;
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

const nameOf = (person) => [person.first_name, person.last_name].filter(Boolean).join(" ");

// Among many people one is found by typing, not by reading a list.
export function findDialog(app, people) {
  const label = (person) => `${nameOf(person)} · ${person.phone || person.id}`;
  const names = el("datalist", { id: "people" }, ...people.map((person) => el("option", { value: label(person) })));
  const input = el("input", { name: "who", list: "people", autocomplete: "off", required: true });
  const form = el("form", { method: "dialog", class: "form" },
    el("label", {}, el("span", {}, t("whose")), input), names,
    el("div", { class: "actions" },
      el("button", { type: "button", onclick: () => box.close() }, t("cancel")),
      el("button", { type: "submit", class: "primary" }, t("show"))));
  const box = dialog(t("findPhone"), form);
  form.addEventListener("submit", async () => {
    const typed = input.value.trim().toLowerCase();
    const found = people.find((person) => label(person).toLowerCase() === typed)
      || people.find((person) => typed && label(person).toLowerCase().includes(typed));
    if (found) await app.addPhone(found.id); else app.notice(t("nobodyFound"));
  });
}

export function addMenu(app, anchor) {
  const others = app.people.filter((person) => !app.phones.some((phone) => phone.person.id === person.id));
  if (!others.length) { personDialog(app); return; }
  const hidden = others.slice(0, FEW);
  menu(anchor, [
    { label: t("newPerson"), icon: "plus", run: () => personDialog(app) },
    ...(others.length > FEW ? [{ label: t("findPhone"), icon: "person", run: () => findDialog(app, others) }] : []),
    ...hidden.map((person) => ({ label: nameOf(person), hint: person.phone || "", icon: "person", run: () => app.addPhone(person.id) })),
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
