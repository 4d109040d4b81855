"""The made-up coffee chain: its places, people, names and menu, in both languages."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Good:
    """Something on the menu; ``price`` in whole roubles, ``weight`` how often it is asked for."""

    sku: str
    name: str
    category: str
    price: int
    weight: int
    # How much more it sells in summer than in winter, in percent (100: the same all year).
    summer: int = 100
    is_drink: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """Everything that has a name in one language."""

    name: str
    city: str
    outlets: tuple[str, str, str]
    owner: str
    marketer: str
    cashiers: tuple[str, ...]
    women: tuple[str, ...]
    men: tuple[str, ...]
    surnames: tuple[tuple[str, str], ...]
    sources: tuple[str, ...]
    menu: tuple[Good, ...]

    def category(self, key: str) -> str:
        """What a category of ours is called on the chain's receipts ("coffee", "bakery" …)."""
        return _CATEGORIES[key][0 if self is _RU else 1]

    def good(self, sku: str) -> Good:
        """The thing on the menu with that sku."""
        return next(good for good in self.menu if good.sku == sku)


_CATEGORIES = {
    "coffee": ("Кофе", "Coffee"),
    "tea": ("Чай", "Tea"),
    "cold": ("Холодное", "Cold drinks"),
    "bakery": ("Выпечка", "Bakery"),
    "dessert": ("Десерты", "Desserts"),
    "food": ("Еда", "Food"),
    "beans": ("Зерно домой", "Beans to go"),
}

_MENU = (
    ("esp", "Эспрессо", "Espresso", "coffee", 140, 9, 100),
    ("dbl", "Двойной эспрессо", "Double espresso", "coffee", 180, 6, 100),
    ("ame", "Американо", "Americano", "coffee", 170, 22, 95),
    ("cap", "Капучино", "Cappuccino", "coffee", 220, 40, 85),
    ("lat", "Латте", "Latte", "coffee", 240, 30, 85),
    ("raf", "Раф ванильный", "Vanilla raf", "coffee", 290, 14, 80),
    ("flt", "Флэт уайт", "Flat white", "coffee", 250, 16, 90),
    ("fil", "Фильтр дня", "Filter of the day", "coffee", 190, 12, 95),
    ("coc", "Какао", "Cocoa", "coffee", 230, 6, 50),
    ("tbl", "Чёрный чай с чабрецом", "Black tea with thyme", "tea", 180, 7, 70),
    ("tgr", "Зелёный чай", "Green tea", "tea", 180, 6, 80),
    ("tbk", "Облепиховый чай", "Sea buckthorn tea", "tea", 260, 8, 40),
    ("cbr", "Колд брю", "Cold brew", "cold", 260, 8, 320),
    ("bmb", "Бамбл", "Bumble coffee", "cold", 290, 6, 330),
    ("lem", "Домашний лимонад", "Homemade lemonade", "cold", 240, 7, 380),
    ("crs", "Круассан", "Croissant", "bakery", 160, 24, 100),
    ("alm", "Миндальный круассан", "Almond croissant", "bakery", 230, 12, 100),
    ("cin", "Булочка с корицей", "Cinnamon bun", "bakery", 190, 18, 90),
    ("chz", "Чизкейк", "Cheesecake", "dessert", 290, 10, 90),
    ("brw", "Брауни", "Brownie", "dessert", 210, 10, 95),
    ("mcr", "Макарон", "Macaron", "dessert", 110, 6, 100),
    ("syr", "Сырники", "Curd pancakes", "food", 320, 9, 95),
    ("snd", "Сэндвич с индейкой", "Turkey sandwich", "food", 340, 10, 105),
    ("gra", "Гранола с йогуртом", "Granola with yoghurt", "food", 290, 6, 120),
    ("bea", "Зерно, 250 г", "Beans, 250 g", "beans", 790, 3, 90),
)


def _menu(which: int) -> tuple[Good, ...]:
    return tuple(
        Good(
            sku=sku,
            name=(russian, english)[which],
            category=_CATEGORIES[category][which],
            price=price,
            weight=weight,
            summer=summer,
            is_drink=category in ("coffee", "tea", "cold"),
        )
        for sku, russian, english, category, price, weight, summer in _MENU
    )


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _pairs(text: str) -> tuple[tuple[str, str], ...]:
    return tuple((word, word + "а") for word in text.split())


def _same(text: str) -> tuple[tuple[str, str], ...]:
    return tuple((word, word) for word in text.split())


_RU = Chain(
    name="Зерно и пар",
    city="Москва",
    outlets=("Зерно и пар на Покровке", "Зерно и пар у парка", "Зерно и пар на вокзале"),
    owner="Марина Седова",
    marketer="Олег Тарасов",
    cashiers=("Вера", "Дима", "Катя", "Рустам", "Соня", "Миша"),
    women=_names(
        "Анна Мария Елена Ольга Наталья Екатерина Татьяна Ирина Светлана Юлия Дарья Полина"
        " Алина Ксения Виктория Алиса София Вера Надежда Людмила Кира Ева Гульнара Лейла"
    ),
    men=_names(
        "Александр Дмитрий Максим Сергей Андрей Алексей Артём Илья Кирилл Михаил Никита Роман"
        " Егор Павел Иван Тимур Денис Антон Глеб Лев Рустам Марк Фёдор Степан"
    ),
    surnames=_pairs(
        "Иванов Смирнов Кузнецов Попов Васильев Петров Соколов Михайлов Новиков Фёдоров Морозов"
        " Волков Алексеев Лебедев Семёнов Егоров Павлов Козлов Степанов Николаев Орлов Андреев"
        " Макаров Никитин Захаров Зайцев Соловьёв Борисов Яковлев Григорьев Романов Воробьёв"
    ),
    sources=("poster", "table", "cup", "friend", "site"),
    menu=_menu(0),
)

_EN = Chain(
    name="Grain & Steam",
    city="London",
    outlets=("Grain & Steam High Street", "Grain & Steam by the Park", "Grain & Steam Station"),
    owner="Marion Sedley",
    marketer="Oliver Tarrant",
    cashiers=("Vera", "Dylan", "Kate", "Rafi", "Sonia", "Mike"),
    women=_names(
        "Anna Mary Helen Olivia Natalie Catherine Tanya Irene Amelia Julia Daisy Pauline"
        " Alice Grace Victoria Chloe Sophie Vera Hope Lucy Kira Eve Priya Leila"
    ),
    men=_names(
        "Alexander Daniel Max Simon Andrew Alex Arthur Elijah Cyril Michael Nick Roman George"
        " Paul John Tim Dennis Anthony Noah Leo Ravi Mark Theo Steven"
    ),
    surnames=_same(
        "Smith Jones Taylor Brown Williams Wilson Johnson Davies Patel Robinson Wright Thompson"
        " Evans Walker White Roberts Green Hall Wood Jackson Clarke Khan Lewis James Phillips"
        " Mason Mitchell Rose Davis Rodgers Gibbs Cole"
    ),
    sources=("poster", "table", "cup", "friend", "site"),
    menu=_menu(1),
)


def chain(language: str) -> Chain:
    """The chain in a language ("ru"; anything else is English)."""
    return _RU if language == "ru" else _EN


# What a rouble of the menu costs in minor units of other money, about.
_MINOR_PER_ROUBLE = {"USD": 2, "EUR": 2, "GBP": 2, "KZT": 600, "BYN": 4}


def minor(roubles: int, currency: str) -> int:
    """A price of the Russian chain in minor units of ``currency``."""
    return roubles * _MINOR_PER_ROUBLE.get(currency, 100)
