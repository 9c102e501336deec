# hourledger in an image: what is built ahead, the packages it needs at run time, and Node.js. No sources, no npm.
# One image for all: `worker` (default), `migrate`, `schedule apply` and every other command.

FROM node:22.21.1-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY . .
RUN node scripts/build.mjs

# Optional packages are the embedded Postgres and PostgREST, and builds of tools for other machines.
FROM node:22.21.1-bookworm-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts --omit=dev --omit=optional

FROM node:22.21.1-bookworm-slim AS image
# The Temporal SDK brings no certificates of its own; those of the system are needed for Temporal Cloud.
RUN apt-get update \
  && apt-get install --yes --no-install-recommends ca-certificates \
  && rm -rf /var/lib/apt/lists/* /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx \
    /usr/local/bin/corepack /opt/yarn* /usr/local/bin/yarn /usr/local/bin/yarnpkg
WORKDIR /app
ENV NODE_ENV=production
COPY --from=packages /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json LICENSE ./
COPY bin/hourledger.mjs bin/hourledger.mjs
COPY stack/roles.sql stack/roles.sql
COPY supabase/migrations supabase/migrations
COPY supabase/adoption supabase/adoption
USER node
ENTRYPOINT ["node", "bin/hourledger.mjs"]
CMD ["worker"]
