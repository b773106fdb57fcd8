"""Texts that tell a good codec from a bad one."""

ONE = "Your code is 4711"
EURO = "Total: 12.50 € [incl. VAT] ~ {4711} @£$¥ ÄÖÜ ñ"
EMOJI = "Happy birthday! 🎂🎉"
CYRILLIC = (
    "Шановний клієнте! Ваше замовлення № 20417 вже в дорозі: кур'єр приїде сьогодні "
    "з 14:00 до 16:00. Якщо плани змінилися, просто дайте відповідь на це повідомлення."
)
EMOJIS = "🎂🎉🚀" * 30
"""Two units each: an odd number of units fits a part."""
EUROS = "a" + "€[]" * 60
"""Two septets each but for the first: an even number is left for them."""
GREEK = "ΔΦΓΛΩΠΨΣΘΞ_ÆæßÉ¤¡§¿à " * 8
"""The letters of the default alphabet that no other has at their places."""

PARTS = {ONE: 1, EURO: 1, EMOJI: 1, CYRILLIC: 3, EMOJIS: 3, EUROS: 3, GREEK: 2}
"""How many parts each of them takes: 160 or 153 septets, 70 or 67 units of UTF-16."""

TURKISH = "Yarın saat beşte görüşürüz, İyi günler dileğiyle. €12 " * 4
SPANISH = "¡Buenos días! Mañana llegará su envío, según lo acordado. " * 4
PORTUGUESE = "Olá! A sua encomenda já está a caminho, não é preciso mais nada. " * 4
"""Of the languages whose tables node-smpp knows, in letters of one table each."""
