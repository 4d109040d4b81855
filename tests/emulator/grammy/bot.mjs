// An echo bot as grammY's documentation writes them; only the API server's address is set.
//   node bot.mjs API_URL TOKEN           long polling
//   node bot.mjs API_URL TOKEN webhook   a web server of its own, on a free port

import { createServer } from "node:http";
import { Bot, InlineKeyboard, webhookCallback } from "grammy";

const [apiRoot, token, mode] = process.argv.slice(2);
const bot = new Bot(token, { client: { apiRoot } });

bot.command("start", (ctx) =>
  ctx.reply(`Hello, ${ctx.from.first_name}! ${ctx.match}`.trim(), {
    reply_markup: new InlineKeyboard().text("Press me", "pressed"),
  }));
bot.on("message:text", (ctx) => ctx.reply(`Echo: ${ctx.message.text}`));
bot.on("message:photo", async (ctx) => {
  const file = await ctx.getFile();
  const answer = await fetch(`${apiRoot}/file/bot${token}/${file.file_path}`);
  const size = (await answer.arrayBuffer()).byteLength;
  await ctx.replyWithPhoto(ctx.message.photo.at(-1).file_id, { caption: `${size} bytes` });
});
bot.callbackQuery("pressed", async (ctx) => {
  await ctx.answerCallbackQuery({ text: "Well pressed" });
  await ctx.editMessageText("Pressed");
});

process.once("SIGTERM", () => (mode === "webhook" ? process.exit(0) : bot.stop()));

if (mode === "webhook") {
  const secretToken = "a-secret-of-the-bot";
  const server = createServer(webhookCallback(bot, "http", { secretToken }));
  server.listen(0, "127.0.0.1", () =>
    bot.api.setWebhook(`http://127.0.0.1:${server.address().port}/`, { secret_token: secretToken }));
} else {
  await bot.start();
}
