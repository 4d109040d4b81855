"""The consent texts the product comes with; an owner replaces them with their lawyer's.

They are rows once published (``consent_text``), so each keeps its version for ever.
"""

from loyalty.consent.tables import ADS_TELEGRAM, PERSONAL_DATA

_PERSONAL_RU = """\
Согласие на обработку персональных данных

Я соглашаюсь, что организатор программы лояльности хранит и использует:
• моё имя и номер телефона, подтверждённый в Telegram;
• номер моего аккаунта Telegram и язык;
• день рождения и пожелания, если я их сообщу;
• историю моих покупок, баллов и обращений.

Зачем: вести мою карту, начислять и списывать баллы, присылать чеки и сообщения о моём счёте, \
разбирать возвраты и вопросы.

Данные не продаются и не передаются для чужой рекламы. Согласие действует, пока я участвую в \
программе; отозвать его можно в любой момент командой /privacy. Записи о покупках остаются в \
учёте столько, сколько требует закон."""

_PERSONAL_EN = """\
Consent to the processing of personal data

I agree that the organizer of the loyalty program keeps and uses:
• my name and my phone number as confirmed in Telegram;
• my Telegram account number and language;
• my birthday and preferences, if I tell them;
• the history of my purchases, points and requests.

What for: to keep my card, to give and take points, to send receipts and messages about my \
account, and to sort out returns and questions.

The data is not sold and not given away for anybody's advertising. The consent holds while I \
take part in the program; I can withdraw it at any moment with /privacy. Records of purchases \
stay in the books as long as the law requires."""

_ADS_RU = """\
Согласие на получение рекламы в Telegram

Я соглашаюсь получать в этом чате предложения и новости программы лояльности: подарки, скидки, \
напоминания о баллах. Не чаще нескольких сообщений в неделю и не ночью. Это необязательно: карта \
и баллы работают и без рекламы. Отказаться можно в любой момент командой /stop."""

_ADS_EN = """\
Consent to advertising in Telegram

I agree to receive offers and news of the loyalty program in this chat: gifts, discounts, \
reminders about points. A few messages a week at most and never at night. It is optional: the \
card and the points work without it. I can stop it at any moment with /stop."""

DEFAULT_TEXTS = {
    (PERSONAL_DATA, "ru"): _PERSONAL_RU,
    (PERSONAL_DATA, "en"): _PERSONAL_EN,
    (ADS_TELEGRAM, "ru"): _ADS_RU,
    (ADS_TELEGRAM, "en"): _ADS_EN,
}
