import { hash } from "@node-rs/bcrypt";
import Fastify from "fastify";

const app = Fastify({ logger: true });
app.get("/health", async () => ({ status: "ok", hash: (await hash("x", { cost: 4 })).length }));
await app.listen({ host: "0.0.0.0", port: Number(process.env["PORT"] ?? 3001) });
