// The control API and the stream of events.

export class Refused extends Error {}

export async function control(method, path, body) {
  let answer;
  try {
    answer = await fetch(`/control${path}`, {
      method,
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    throw new Refused(String(error.message || error));
  }
  const text = await answer.text();
  let data = {};
  try { data = JSON.parse(text); } catch { /* an answer that is not JSON carries no facts */ }
  if (!answer.ok) throw new Refused(data.error || data.detail || answer.statusText);
  return data;
}

// Calls `onEvent` for each event and `onState(connected)`; after a loss everything is loaded anew.
export function listen(onEvent, onState) {
  let lost = false;
  const source = new EventSource("/control/events");
  source.onopen = () => { onState(true, lost); lost = false; };
  source.onmessage = (message) => onEvent(JSON.parse(message.data));
  source.onerror = () => {
    lost = true;
    onState(false, true);
    if (source.readyState === EventSource.CLOSED) setTimeout(() => listen(onEvent, onState), 1500);
  };
}

export const botLink = (url) => {
  let parts;
  try { parts = new URL(url); } catch { return null; }
  if (parts.protocol === "tg:" && parts.host === "resolve") return url;
  if (!["t.me", "telegram.me"].includes(parts.hostname)) return null;
  return /^\/\w{3,32}\/?$/.test(parts.pathname) ? url : null;
};

// `t.me/share/url?url=…` is the usual invitation button; the link inside is what is passed on.
export const sharedLink = (url) => {
  let parts;
  try { parts = new URL(url); } catch { return null; }
  if (!["t.me", "telegram.me"].includes(parts.hostname) || parts.pathname !== "/share/url") return null;
  return botLink(parts.searchParams.get("url") || "");
};
