"""Names, addresses and products, chosen to hurt whoever quotes, escapes or counts bytes carelessly."""

from __future__ import annotations

PEOPLE = [
    ("Ada", "Lovelace"), ("Zoë", "Müller"), ("Seán", "O'Brien"), ("François", "Lefèvre"), ("Søren", "Kjærgård"),
    ("Łukasz", "Żółć"), ("José", "Núñez"), ("Małgorzata", "Wiśniewska"), ("İpek", "Şahin"), ("Đorđe", "Đukić"),
    ("山田", "太郎"), ("佐藤", "花子"), ("王", "小明"), ("김", "민준"), ("Дмитрий", "Иванов"), ("Ελένη", "Παππά"),
    ("Anne-Marie", "d'Arc"), ('William "Bill"', "Smith"), ("Null", "Island"), ("Jean Luc", "de La Fontaine"),
    ("Emily 🌸", "Rose"), ("Bob", "<b>Tables</b>"), ("Márta", "Ősz"), ("Nguyễn", "Thị Hạnh"), ("Amélie", "Çelik"),
    ("Robert'); DROP", "Students"), ("Ana", "García Íñiguez"), ("Tom & Jerry", "Cat"), ("Björk", "Guðmundsdóttir"),
    ("Grace", "Hopper"), ("Alan", "Turing"), ("Katherine", "Johnson"), ("Mary", "Jackson"), ("Karl", "Gauß"),
]  # fmt: skip

PLACES = {
    "EUR": [
        ("Hauptstraße 5", "Graz", "8010", "", "AT"), ("12 Rue de l'Église", "Besançon", "25000", "", "FR"),
        ("Königsallee 1", "Düsseldorf", "40212", "", "DE"), ("Calle Ñuñoa 7", "A Coruña", "15001", "", "ES"),
        ("Via dell'Unità 3", "L'Aquila", "67100", "", "IT"), ("Mannerheimintie 2", "Järvenpää", "04400", "", "FI"),
    ],
    "USD": [("1 Main St", "Springfield", "01101", "MA", "US"), ("77 O'Farrell St", "San José", "95110", "CA", "US")],
    "GBP": [("221b Baker St", "London", "NW1 6XE", "", "GB"), ("1 Princes St", "Edinburgh", "EH2 2EQ", "", "GB")],
    "JPY": [("千代田1-1", "東京", "100-0001", "", "JP"), ("中央区5-2", "大阪市", "541-0041", "", "JP")],
}  # fmt: skip

PRODUCTS = [
    ("701642", "Tie, silk", 49.95), ("701643", "Café mug “Noir”", 12.5), ("013742", 'Monitor 24"', 219.0),
    ("025518", "Men's shirt", 59.9), ("608857", "Crème brûlée torch", 34.0), ("P0048", "Teapot 🫖", 79.0),
    ("TG250", "Camera body", 1899.0), ("MB-14", "Notebook 14\"", 1299.0), ("sku_ß1", "Straße poster", 19.0),
    ("750518", "Quilted jacket", 149.0), ("883360", "Wool scarf", 39.0), ("682875", "Ring, 18k", 2450.0),
    ("JP-77", "抹茶セット", 45.0), ("A&B-9", "Salt & pepper", 15.0), ("0000012", "Gift wrap", 4.95),
]  # fmt: skip

PAYMENT_ERRORS = [
    "Card declined: insufficient funds",
    "3-D Secure failed (code 05)",
    "PSP timed out: “no answer”",
    "Wallet token expired",
]
COMMENTS = [
    "The parcel arrived broken — see photo.", "It's the wrong size", "Arrived 3 weeks late!", "Ich möchte mein Geld zurück",
    "届いた品が違います", "Line one\nLine two with \"quotes\"", "", "J'ai changé d'avis 🙃",
]  # fmt: skip
