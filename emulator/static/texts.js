// Every text of the page, in both languages.

const TEXTS = {
  en: {
    title: "Local Telegram", subtitle: "make-believe phones, a real bot",
    addPhone: "Add a phone", findPhone: "Find a phone…", whose: "Whose: name or number", show: "Show", nobodyFound: "Nobody is called so", theme: "Light or dark", language: "Русский", languageLabel: "Switch to Russian",
    clock: "Move time", hours: "+1 hour", day: "+1 day", days: "+3 days", week: "+1 week", month: "+30 days",
    moving: "Moving time…", moved: "It is now {when}", noMove: "Time could not be moved",
    message: "Message", start: "Start", unblock: "Unblock bot", block: "Block bot",
    bot: "bot", typing: "typing…", sending: "sending a file…", blocked: "blocked", restarting: "Connecting…",
    settings: "Person’s details", remove: "Put the phone away", removeAsk: "Put this phone away? Its chats will be forgotten.",
    customer: "Customer", friend: "Friend", cashier: "Cashier", person: "Person",
    names: ["Anna", "Ben", "Carol"],
    firstName: "First name", lastName: "Last name", username: "Username", phone: "Phone", personLanguage: "Telegram language",
    save: "Save", cancel: "Cancel", ok: "OK", add: "Add", close: "Close",
    attach: "Attach", sendPhoto: "Photo", sendSticker: "Sticker", sendVoice: "Voice message", sendContact: "My contact", sendOther: "Someone else’s contact",
    commands: "Commands", keyboard: "Keyboard", sendLabel: "Send", menu: "More",
    shareAsk: "Share your phone number with the bot?", share: "Share", scanWith: "Scan with", scanning: "Scanning…",
    openHere: "Open here", openOn: "Open on {name}’s phone", copyLink: "Copy link", copied: "Copied", follow: "Open in a new tab",
    shareWith: "Send to {name}", edited: "edited", today: "Today", yesterday: "Yesterday",
    empty: "Press Start to talk to the bot", noBots: "No bot has called yet. Start one with this address as its Bot API server:",
    noAnswer: "The bot has not answered the tap", photo: "Photo", voice: "Voice message", contact: "Contact", unknown: "Unsupported message",
    pinned: "Pinned message", newPerson: "New person", unread: "{n} unread", lost: "Connection lost, trying again…", forwarded: "Forwarded",
    down: "To the newest", chooseBot: "Choose a bot", deactivated: "account deleted", location: "Location",
    copy: "Copy", download: "Save the file", savePhoto: "Save", protected: "saving is off", spoiler: "Hidden picture: tap to see", bytes: ["B", "KB", "MB"],
  },
  ru: {
    title: "Локальный Telegram", subtitle: "телефоны понарошку, бот настоящий",
    addPhone: "Добавить телефон", findPhone: "Найти телефон…", whose: "Чей: имя или номер", show: "Показать", nobodyFound: "Никого с таким именем нет", theme: "Светлая или тёмная", language: "English", languageLabel: "Переключить на английский",
    clock: "Передвинуть время", hours: "+1 час", day: "+1 день", days: "+3 дня", week: "+1 неделя", month: "+30 дней",
    moving: "Время идёт…", moved: "Сейчас {when}", noMove: "Не получилось передвинуть время",
    message: "Сообщение", start: "Начать", unblock: "Разблокировать", block: "Заблокировать бота",
    bot: "бот", typing: "печатает…", sending: "отправляет файл…", blocked: "заблокирован", restarting: "Соединение…",
    settings: "Данные человека", remove: "Убрать телефон", removeAsk: "Убрать этот телефон? Его переписка забудется.",
    customer: "Покупатель", friend: "Друг", cashier: "Кассир", person: "Человек",
    names: ["Анна", "Борис", "Вера"],
    firstName: "Имя", lastName: "Фамилия", username: "Имя пользователя", phone: "Телефон", personLanguage: "Язык Telegram",
    save: "Сохранить", cancel: "Отмена", ok: "Хорошо", add: "Добавить", close: "Закрыть",
    attach: "Прикрепить", sendPhoto: "Фото", sendSticker: "Стикер", sendVoice: "Голосовое", sendContact: "Мой контакт", sendOther: "Чужой контакт",
    commands: "Команды", keyboard: "Клавиатура", sendLabel: "Отправить", menu: "Ещё",
    shareAsk: "Поделиться номером телефона с ботом?", share: "Поделиться", scanWith: "Сканировать", scanning: "Сканирую…",
    openHere: "Открыть здесь", openOn: "Открыть на телефоне: {name}", copyLink: "Скопировать ссылку", copied: "Скопировано", follow: "Открыть в новой вкладке",
    shareWith: "Отправить: {name}", edited: "изменено", today: "Сегодня", yesterday: "Вчера",
    empty: "Нажмите «Начать», чтобы поговорить с ботом", noBots: "Пока ни один бот не подключился. Укажите ему этот адрес как сервер Bot API:",
    noAnswer: "Бот не ответил на нажатие", photo: "Фото", voice: "Голосовое сообщение", contact: "Контакт", unknown: "Неизвестное сообщение",
    pinned: "Закреплённое сообщение", newPerson: "Новый человек", unread: "Непрочитанных: {n}", lost: "Связь прервалась, пробую снова…", forwarded: "Переслано",
    down: "К новым", chooseBot: "Выберите бота", deactivated: "аккаунт удалён", location: "Место",
    copy: "Скопировать", download: "Сохранить файл", savePhoto: "Сохранить", protected: "сохранять нельзя", spoiler: "Скрытое изображение: нажмите, чтобы увидеть", bytes: ["Б", "КБ", "МБ"],
  },
};

const saved = localStorage.getItem("language");
export let language = saved === "ru" || saved === "en" ? saved : navigator.language.toLowerCase().startsWith("ru") ? "ru" : "en";

export function setLanguage(code) {
  language = code;
  localStorage.setItem("language", code);
  document.documentElement.lang = code;
}

export function t(key, values = {}) {
  const text = TEXTS[language][key];
  return typeof text === "string" ? text.replace(/\{(\w+)\}/g, (_, name) => values[name]) : text;
}

export function size(bytes) {
  const step = bytes < 1000 ? 0 : bytes < 1000000 ? 1 : 2;
  return `${new Intl.NumberFormat(language, { maximumFractionDigits: 1 }).format(bytes / 1000 ** step)} ${t("bytes")[step]}`;
}

export const time = (seconds) =>
  new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit" }).format(seconds * 1000);

export const moment = (seconds) =>
  new Intl.DateTimeFormat(language, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" }).format(seconds * 1000);

const dayOf = (seconds) => new Date(seconds * 1000).toDateString();

export function dayLabel(seconds, now) {
  if (dayOf(seconds) === dayOf(now)) return t("today");
  if (dayOf(seconds) === dayOf(now - 86400)) return t("yesterday");
  const sameYear = new Date(seconds * 1000).getFullYear() === new Date(now * 1000).getFullYear();
  return new Intl.DateTimeFormat(language, { day: "numeric", month: "long", year: sameYear ? undefined : "numeric" }).format(seconds * 1000);
}

export const sameDay = (a, b) => dayOf(a) === dayOf(b);
