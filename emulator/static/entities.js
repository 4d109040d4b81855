// Text with entities as elements. Offsets are UTF-16 units, which is what JavaScript strings count.

import { el } from "./dom.js";
import { language, t } from "./texts.js";

const TAGS = { bold: "strong", italic: "em", underline: "u", strikethrough: "s", code: "code", pre: "pre", blockquote: "blockquote", expandable_blockquote: "blockquote" };

const safe = (url) => /^(https?|tg|mailto|tel):/i.test(url);

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
    case "code": return el("code", { title: t("copyLink"), onclick: () => act.copy(text) });
    case "pre": return el("pre", entity.language ? { "data-language": entity.language } : {});
    case "date_time": {
      const when = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" }).format(entity.unix_time * 1000);
      return el("time", { class: "soft-link", title: when });
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
      node.append(...build(entity.offset, stop, inside));
      nodes.push(node);
      at = stop;
    }
    if (at < end) nodes.push(text.slice(at, end));
    return nodes;
  };
  return build(0, text.length, sorted);
}
