"""The till in a chat, from end to end at the local Telegram."""
