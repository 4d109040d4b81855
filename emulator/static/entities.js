// Text with entities as elements. Offsets are UTF-16 units, which is what JavaScript strings count.

import { el } from "./dom.js";
import { language, t } from "./texts.js";

const TAGS = { bold: "strong", italic: "em", underline: "u", strikethrough: "s", code: "code", pre: "pre", blockquote: "blockquote", expandable_blockquote: "blockquote" };

const safe = (url) => /^(https?|tg|mailto|tel):/i.test(url);

const SPANS = [["year", 31536000], ["month", 2592000], ["week", 604800], ["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

// A moment in the reader's own zone and words: `r` relative, else weekday `w`, date `d`/`D`, time `t`/`T`.
export function shownMoment(seconds, format, now) {
  if (format === "r") {
    const left = Math.round(seconds - now);
    const [unit, size] = SPANS.find(([, length]) => Math.abs(left) >= length) || SPANS.at(-1);
    return new Intl.RelativeTimeFormat(language, { numeric: "auto" }).format(Math.round(left / size), unit);
  }
  const options = {};
  if (format.includes("w")) options.weekday = "long";
  if (format.includes("d")) Object.assign(options, { day: "2-digit", month: "2-digit", year: "2-digit" });
  if (format.includes("D")) Object.assign(options, { day: "numeric", month: "long", year: "numeric" });
  if (/[tT]/.test(format)) Object.assign(options, { hour: "2-digit", minute: "2-digit" });
  if (format.includes("T")) options.second = "2-digit";
  return new Intl.DateTimeFormat(language, options).format(seconds * 1000);
}

function wrap(entity, text, act) {
  const link = (url) => el("a", { href: safe(url) ? url : "#", rel: "noopener noreferrer", target: "_blank", onclick: (event) => {
    event.preventDefault();
    if (safe(url)) act.link(url, event.currentTarget);
  } });
  switch (entity.type) {
    case "text_link": return link(entity.url);
    case "url": return link(/^[a-z]+:\/\//i.test(text) ? text : `https://${text}`);
    case "bot_command": return el("a", { href: "#", onclick: (event) => { event.preventDefault(); act.command(text); } });
    case "email": return el("span", { class: "soft-link" });
    case "phone_number": case "mention": case "text_mention": case "hashtag": case "cashtag":
      return el("span", { class: "soft-link" });
    case "spoiler": return el("span", { class: "spoiler", tabindex: "0", role: "button", onclick: (event) => event.currentTarget.classList.add("seen") });
    case "code": return el("code", act.guarded ? {} : { title: t("copy"), onclick: () => act.copy(text) });
    case "pre": return el("pre", entity.language ? { "data-language": entity.language } : {});
    case "date_time": {
      const when = shownMoment(entity.unix_time, "wDt", act.now());
      return el("time", { class: "soft-link", title: when, tabindex: "0", role: "button", datetime: new Date(entity.unix_time * 1000).toISOString(), onclick: () => act.say(when) });
    }
    default: return el(TAGS[entity.type] || "span");
  }
}

// Entities nest or follow each other: build the tree by walking them in order.
export function rich(text, entities, act) {
  const sorted = [...(entities || [])].sort((a, b) => a.offset - b.offset || b.length - a.length);
  const build = (start, end, list) => {
    const nodes = [];
    let at = start;
    for (let i = 0; i < list.length; i += 1) {
      const entity = list[i];
      if (entity.offset < at) continue;
      const stop = Math.min(entity.offset + entity.length, end);
      if (entity.offset > at) nodes.push(text.slice(at, entity.offset));
      const inside = list.slice(i + 1).filter((other) => other.offset >= entity.offset && other.offset + other.length <= stop);
      const node = wrap(entity, text.slice(entity.offset, stop), act);
      if (entity.type === "date_time" && entity.date_time_format) node.append(shownMoment(entity.unix_time, entity.date_time_format, act.now()));
      else node.append(...build(entity.offset, stop, inside));
      nodes.push(node);
      at = stop;
    }
    if (at < end) nodes.push(text.slice(at, end));
    return nodes;
  };
  return build(0, text.length, sorted);
}
