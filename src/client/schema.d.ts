// Made by scripts/generated.mjs from the OpenAPI document; do not edit.
export interface paths {
    "/v1/leases": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List leases
         * @description A consumer sees its own.
         */
        get: operations["Leases.list"];
        put?: never;
        /**
         * Request a lease
         * @description 201 with a lease that is active, or 202 with one that waits and says on what. One that could never be served is refused, saying which condition failed.
         */
        post: operations["Leases.request"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/leases/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read a lease
         * @description With `Prefer: wait=30` the answer is held until the lease is active or over.
         */
        get: operations["Leases.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/leases/{id}/renew": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Renew a lease
         * @description Sets the life left, never past the tier’s `maxTtl` from when it became active. Where that is less than the lease has, because the maximum was lowered, the expiry stays.
         */
        post: operations["Leases.renew"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/leases/{id}/release": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Release a lease
         * @description Gives the resource back, or takes the request back while it waits. Again and again is fine.
         */
        post: operations["Leases.release"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/leases/{id}/commands": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the commands of a lease */
        get: operations["Commands.list"];
        put?: never;
        /**
         * Run a command
         * @description Starts one process on the leased resource. With `Prefer: wait=30` the answer is the ended record.
         */
        post: operations["Commands.start"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/leases/{id}/commands/{commandId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read a command
         * @description With `Prefer: wait=30` the answer is held until it has ended.
         */
        get: operations["Commands.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/leases/{id}/commands/{commandId}/output": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read the output of a command
         * @description As text: what there is now, stdout and stderr as they came; with `follow=true` live, to the end. As `text/event-stream`: live, in events `stdout` and `stderr` with an `OutputPiece` as data and its `seq` as id, and at last an event `end` with the command. Who follows at the broker that runs the command gets all of the output, also what is not kept, and holds the command back, for 10 s at most, by not reading.
         */
        get: operations["Commands.output"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/leases/{id}/commands/{commandId}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Cancel a command
         * @description Kills its whole process tree. One that has ended stays as it is.
         */
        post: operations["Commands.cancel"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/leases/{id}/files/{path}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Read a file of a lease */
        get: operations["Files.read"];
        /**
         * Write a file of a lease
         * @description Of any length and media type; it goes straight through.
         */
        put: operations["Files.write"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/leases/{id}/artifacts.tar": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read the artifacts of a lease
         * @description The artifacts directory as a tar of its directories and regular files; an empty one where there is no such directory. The answer breaks off where there are more than 100,000 of them, or more than 4 GiB.
         */
        get: operations["Files.artifacts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/blueprints/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Read a blueprint */
        get: operations["Blueprints.get"];
        /**
         * Declare a blueprint
         * @description Makes the blueprint what the body says. A change that widens it sets approvals back to `requested`.
         */
        put: operations["Blueprints.declare"];
        post?: never;
        /**
         * Remove a blueprint
         * @description Only one without live resources, that has given its hosts back, that no other blueprint stands on and whose sweep knows of no orphan.
         */
        delete: operations["Blueprints.remove"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/blueprints": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List blueprints */
        get: operations["Blueprints.list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/blueprints/{name}/disable": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Disable a blueprint
         * @description It serves no new lease; current ones go on.
         */
        post: operations["Blueprints.disable"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/blueprints/{name}/enable": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Enable a blueprint */
        post: operations["Blueprints.enable"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/consumers/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Read a consumer */
        get: operations["Consumers.get"];
        /**
         * Declare a consumer
         * @description Each blueprint listed for the first time makes an authorization `requested`.
         */
        put: operations["Consumers.declare"];
        post?: never;
        /**
         * Remove a consumer
         * @description Only one that has no live leases. Its tokens end with it.
         */
        delete: operations["Consumers.remove"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/consumers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List consumers */
        get: operations["Consumers.list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/people/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Read a person */
        get: operations["People.get"];
        /**
         * Give a person their roles
         * @description Nobody takes the role `admin` from themselves or from the last who has it: 409.
         */
        put: operations["People.put"];
        post?: never;
        /**
         * Remove a person
         * @description Their tokens end with them.
         */
        delete: operations["People.remove"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/people": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List people */
        get: operations["People.list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/consumers/{name}/tokens": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the tokens of a consumer */
        get: operations["Tokensconsumer.list"];
        put?: never;
        /**
         * Make a token of a consumer
         * @description The token is in this answer and nowhere else.
         */
        post: operations["Tokensconsumer.create"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/consumers/{name}/tokens/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Revoke a token of a consumer */
        delete: operations["Tokensconsumer.revoke"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/people/{name}/tokens": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the tokens of a person */
        get: operations["Tokensperson.list"];
        put?: never;
        /**
         * Make a token of a person
         * @description The token is in this answer and nowhere else.
         */
        post: operations["Tokensperson.create"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/people/{name}/tokens/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Revoke a token of a person */
        delete: operations["Tokensperson.revoke"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/authorizations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List authorizations */
        get: operations["Authorizations.list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/authorizations/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Read an authorization */
        get: operations["Authorizations.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/authorizations/{id}/approve": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Approve an authorization
         * @description Needs the role `approver` in its tier. The approval is for the blueprint as it is now, and for all `grants`.
         */
        post: operations["Authorizations.approve"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/authorizations/{id}/decline": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Decline an authorization */
        post: operations["Authorizations.decline"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/authorizations/{id}/revoke": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Revoke an authorization
         * @description No new lease rests on it. Current ones go on, unless `breakLeases` says otherwise, at once or when it is revoked again.
         */
        post: operations["Authorizations.revoke"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/resources": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List resources */
        get: operations["Resources.list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/resources/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Read a resource */
        get: operations["Resources.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/resources/{id}/release": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Release a resource
         * @description Destroys it, at once where it is idle; its leases are broken.
         */
        post: operations["Resources.release"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/resources/{id}/cordon": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Cordon a resource
         * @description It serves no new lease; current ones go on.
         */
        post: operations["Resources.cordon"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/resources/{id}/uncordon": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Uncordon a resource */
        post: operations["Resources.uncordon"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/resources/{id}/reclaim": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Reclaim a resource
         * @description Destroys it if it is idle, to make room.
         */
        post: operations["Resources.reclaim"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/operations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List operations
         * @description A consumer sees its own.
         */
        get: operations["Operations.list"];
        put?: never;
        /**
         * Request an operation
         * @description It is worked on in a lease of its own, in the tier of its consumer.
         */
        post: operations["Operations.request"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/operations/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Read an operation */
        get: operations["Operations.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/operations/{id}/dismiss": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Dismiss an operation
         * @description Takes one that is over off the list of what needs attention.
         */
        post: operations["Operations.dismiss"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read the log
         * @description As JSON: one page, oldest first; `nextCursor` is the `after` of the next. As `text/event-stream`: live, and resumed after a cut by `Last-Event-ID` without a gap or a double; an `id` without an event, at the beginning and while nothing happens, is a place to go on from, too. A consumer sees its own. Events are kept for a set time; going on from one before that is refused, and `details.after` says from where on all are there.
         */
        get: operations["Events.list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/isolation": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read the isolation report
         * @description What breaks the policy, what is waived, and who can touch whose work through what.
         */
        get: operations["Isolation.report"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sweep": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Compare what exists with the rows
         * @description A dry run: asks every endpoint what is there, says what the sweep would do, and does nothing.
         */
        get: operations["Sweep.report"];
        put?: never;
        /**
         * Sweep now
         * @description Lets every blueprint be swept now instead of at its next time. An orphan is still destroyed only once it has been known for a minute.
         */
        post: operations["Sweep.now"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/doctor": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Check every invariant
         * @description Against the database and against what exists at every endpoint. Changes nothing; takes some seconds where something is found.
         */
        get: operations["Doctor.examine"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/manifests": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Apply manifests
         * @description Makes the installation what the documents say, all of them or none, and says what changed.
         */
        post: operations["Manifests.apply"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tiers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List tiers */
        get: operations["Manifests.tiers"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/healthz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether the process is alive */
        get: operations["Health.alive"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/readyz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Whether it can serve
         * @description Not while the database does not answer, its migrations are not those of this broker, or the broker stops; `details.checks` says which.
         */
        get: operations["Health.ready"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Metrics for Prometheus
         * @description Without a token from the same machine.
         */
        get: operations["Health.metrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/whoami": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whose token this is */
        get: operations["Health.whoami"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        LeaseBody: {
            /**
             * @description What to lease.
             * @enum {string}
             */
            type: "host" | "working-copy";
            /** @description Who leases; only an admin names one, a consumer’s token leases for itself. */
            consumer?: string;
            /** @description Blueprints allowed; left out: all that the consumer lists. What is free of any is taken, the best match first; what has to be built is of the first with room. */
            blueprints?: string[];
            /** @description Working copies: `repositories`, a map of directory to `{uri, commit | branch | tag | ref, merges, submodules, default}`, and `strict`. Hosts: values that the blueprint’s spec must have. */
            attributes?: {
                [key: string]: unknown;
            };
            /** @description Life of the lease, from when it is active; 1h when left out, cut to what the tier allows. */
            ttl?: string;
            /** @description Higher is served first. */
            priority?: number;
            /** @description Given to each command. */
            env?: {
                [key: string]: string;
            };
            /** @description Given to each command beside `env`, of which nothing is ever shown: sealed where it is kept, and `***` in output. Values of 6 bytes to 16 KiB, together at most that; each line of one is masked, too. */
            secrets?: {
                [key: string]: string;
            };
            /** @description For people. */
            note?: string;
        };
        Waiting: {
            /** @enum {string} */
            reason: "awaiting-authorization" | "queued" | "allocating" | "activating" | "reclaiming";
            /** @description Place in the queue, from 1. */
            position?: number;
        };
        Lease: {
            id: string;
            /** @enum {string} */
            state: "pending" | "acquired" | "active" | "released" | "broken" | "destroyed";
            /** @description On what it waits, while it does. */
            waiting?: components["schemas"]["Waiting"];
            /**
             * @description What ended it.
             * @enum {string}
             */
            ended?: "released" | "expired" | "revoked" | "resource-lost" | "activation-failed" | "cancelled";
            /** @description More about the end: git’s message, the driver’s fault. */
            endedDetail?: {
                [key: string]: unknown;
            };
            /** @description Null on the host leases that working copies stand on. */
            consumer: string | null;
            tier: string;
            /** @enum {string} */
            type: "host" | "working-copy";
            blueprint?: string;
            /** @description Id of the resource. */
            resource?: string;
            /** @description Grows with each grant of the resource; send it as `Berth-Fence`. */
            fence?: number;
            /** Format: date-time */
            expiresAt?: string;
            /** @description Left by the database’s clock, which alone decides. */
            expiresInSeconds?: number;
            /** @description Duration that each renewal gives. */
            ttl: string;
            priority: number;
            attributes: {
                [key: string]: unknown;
            };
            /** @description Directories and such on the resource. */
            access?: {
                [key: string]: unknown;
            };
            note: string | null;
            /** Format: date-time */
            createdAt: string;
            /** Format: date-time */
            acquiredAt: string | null;
            /** Format: date-time */
            activeAt: string | null;
            /** Format: date-time */
            endedAt: string | null;
        };
        LeasePage: {
            items: components["schemas"]["Lease"][];
            /** @description Gives the next page; null on the last. */
            nextCursor: string | null;
        };
        RenewBody: {
            /** @description Life from now on; as before when left out. */
            ttl?: string;
        };
        EmptyBody: Record<string, never>;
        CommandBody: {
            /** @description The program and its words. Either this or `shell`. */
            argv?: string[];
            /** @description Text for `sh -c`. Either this or `argv`. */
            shell?: string;
            /** @description Directory to start in, relative to the lease’s and without `..`; left out: that, or the default repository. */
            cwd?: string;
            /** @description On top of the lease’s. */
            env?: {
                [key: string]: string;
            };
            /** @description More of its environment, of which nothing is ever shown: sealed where it is kept, and `***` in output. Values of 6 bytes to 16 KiB, together at most that; each line of one is masked, too. */
            secrets?: {
                [key: string]: string;
            };
            /** @description Text that it reads from its standard input. */
            stdin?: string;
            /** @description It is killed after this time; 10m when left out, at most 1d. */
            timeout?: string;
        };
        Command: {
            id: string;
            /** @description Id of the lease. */
            lease: string;
            /** @description Secrets are masked. */
            argv: string[];
            /** @description Relative to the lease’s directory. */
            cwd: string | null;
            /** @description Duration. */
            timeout: string;
            /** @enum {string} */
            state: "queued" | "running" | "exited" | "timed-out" | "out-of-memory" | "cancelled" | "lost";
            exitCode: number | null;
            /** @description Name of the signal that ended it, such as SIGKILL. */
            signal: string | null;
            /** @description Why it ended, where the state alone does not say. */
            reason: string | null;
            /** @description Bytes of its output, secrets counted as their masks, those that were not kept included. */
            outputBytes: number;
            /** Format: date-time */
            createdAt: string;
            /** Format: date-time */
            startedAt: string | null;
            /** Format: date-time */
            endedAt: string | null;
        };
        CommandPage: {
            items: components["schemas"]["Command"][];
            /** @description Gives the next page; null on the last. */
            nextCursor: string | null;
        };
        OutputPiece: {
            /** @description Grows along the output; send it as `after` to go on. */
            seq: number;
            /** @enum {string} */
            stream: "stdout" | "stderr";
            /** @description The piece, where it is UTF-8. */
            text?: string;
            /**
             * Format: byte
             * @description The piece, where it is not.
             */
            base64?: string;
        };
        BlueprintSpec: {
            /** @enum {string} */
            type: "docker-host" | "ssh-host" | "local-host" | "working-copy";
            tier: string;
            limits?: components["schemas"]["LimitsSpec"];
            /**
             * @description Who may get a resource after its first lease.
             * @enum {string}
             */
            reuse?: "none" | "consumer" | "tier";
            /** @description Free resources to hold ready. */
            warm?: number;
            /** @description Duration; a resource older than this is retired between leases. */
            maxAge?: string;
            /** @description A resource is retired after so many leases. */
            maxUses?: number;
            /** @description Duration; a resource idle this long may be reclaimed. */
            idleAfter?: string;
            /** @description As its driver reads it. */
            spec?: {
                [key: string]: unknown;
            };
        };
        BlueprintLimits: {
            /** @description Most live resources at a time. */
            resources: number;
            /** @description Most live leases on one resource. */
            leasesPerResource: number;
        };
        Blueprint: {
            name: string;
            /** @enum {string} */
            type: "docker-host" | "ssh-host" | "local-host" | "working-copy";
            tier: string;
            /** @description A disabled one serves no new lease. */
            enabled: boolean;
            limits: components["schemas"]["BlueprintLimits"];
            /**
             * @description Who may get a resource after its first lease.
             * @enum {string}
             */
            reuse: "none" | "consumer" | "tier";
            /** @description Free resources to hold ready. */
            warm: number;
            /** @description Duration; a resource older than this is retired between leases. */
            maxAge: string | null;
            /** @description A resource is retired after so many leases. */
            maxUses: number | null;
            /** @description Duration; a resource idle this long may be reclaimed. */
            idleAfter: string | null;
            /** @description As its driver reads it. */
            spec: {
                [key: string]: unknown;
            };
            /** @description Builds that failed since the last that did not; those begun side by side count as one. */
            failures: number;
            /**
             * Format: date-time
             * @description When a build is tried again.
             */
            retryAt: string | null;
            lastFailure: string | null;
            /** @description Live resources. */
            live: number;
            /** @description Those of them that a lease could get at once. */
            free: number;
            /** Format: date-time */
            createdAt: string;
        };
        BlueprintPage: {
            items: components["schemas"]["Blueprint"][];
            /** @description Gives the next page; null on the last. */
            nextCursor: string | null;
        };
        ConsumerSpec: {
            /** @enum {string} */
            kind: "build-step" | "repository-automation" | "application";
            tier: string;
            /** @description Blueprints that it wants to use; each needs an authorization. */
            blueprints?: string[];
            /** @description The CI identities that count as it: issuer, audience, claims. */
            oidc?: components["schemas"]["OidcSpec"];
        };
        Consumer: {
            name: string;
            /** @enum {string} */
            kind: "build-step" | "repository-automation" | "application";
            tier: string;
            /** @description Blueprints that it wants to use; each needs an authorization. */
            blueprints: string[];
            /** @description The CI identities that count as it: issuer, audience, claims. */
            oidc?: {
                [key: string]: unknown;
            };
            /** @description Who declared the list last. */
            declaredBy: string;
            /** Format: date-time */
            createdAt: string;
        };
        ConsumerPage: {
            items: components["schemas"]["Consumer"][];
            /** @description Gives the next page; null on the last. */
            nextCursor: string | null;
        };
        PersonBody: {
            /** @description What they may do; none of them takes every right away. */
            roles: components["schemas"]["RoleBody"][];
        };
        PersonRole: {
            /** @enum {string} */
            role: "admin" | "approver" | "viewer";
            /** @description Tiers that an approver decides for; left out: all. */
            tiers?: string[];
        };
        Person: {
            name: string;
            roles: components["schemas"]["PersonRole"][];
            /** Format: date-time */
            createdAt: string;
        };
        PersonPage: {
            items: components["schemas"]["Person"][];
            /** @description Gives the next page; null on the last. */
            nextCursor: string | null;
        };
        NewToken: {
            id: string;
            /** @description The token itself. It is shown this once. */
            token: string;
        };
        Token: {
            id: string;
            /** Format: date-time */
            createdAt: string;
            /** Format: date-time */
            lastUsedAt: string | null;
        };
        TokenPage: {
            items: components["schemas"]["Token"][];
            /** @description Gives the next page; null on the last. */
            nextCursor: string | null;
        };
        AuthorizationObject: {
            /** @enum {string} */
            kind: "consumer" | "blueprint";
            name: string;
        };
        Authorization: {
            id: string;
            object: components["schemas"]["AuthorizationObject"];
            blueprint: string;
            tier: string;
            /**
             * @description The object’s side: active while it lists the blueprint.
             * @enum {string}
             */
            objectState: "active" | "inactive";
            /**
             * @description The blueprint’s side.
             * @enum {string}
             */
            state: "requested" | "authorized" | "declined" | "expired";
            /** @description Active, authorized and not expired. */
            usable: boolean;
            requestedBy: string;
            /** Format: date-time */
            requestedAt: string;
            decidedBy: string | null;
            /** Format: date-time */
            decidedAt: string | null;
            /** Format: date-time */
            expiresAt: string | null;
            reason: string | null;
            /** @description Every blueprint reachable through it. */
            grants: string[];
            /** @description Fields of the blueprint that widened since it was approved, which is why it is requested again. */
            supersededBy?: string[];
        };
        AuthorizationPage: {
            items: components["schemas"]["Authorization"][];
            /** @description Gives the next page; null on the last. */
            nextCursor: string | null;
        };
        ApproveBody: {
            /** @description Why; kept with the authorization. */
            reason?: string;
            /** @description It stops being usable after this time; left out: never. */
            expiresIn?: string;
        };
        DeclineBody: {
            /** @description Why; kept with the authorization. */
            reason: string;
        };
        RevokeBody: {
            /** @description Whether current leases that rest on it are broken too; else they go on. */
            breakLeases?: boolean;
            /** @description Why; kept with the authorization. */
            reason: string;
        };
        Resource: {
            id: string;
            /** @enum {string} */
            type: "host" | "working-copy";
            /** @enum {string} */
            state: "pending" | "active" | "released" | "broken" | "destroyed";
            /**
             * @description Only a clean one is handed out.
             * @enum {string}
             */
            hygiene: "clean" | "dirty" | "cleaning" | "quarantined";
            tier: string;
            blueprint: string;
            /** @description Id of the host lease that a working copy stands on. */
            host?: string;
            /** @description Name of the machine, where its blueprint lists several. */
            place?: string;
            /** @description Leases granted on it so far. */
            uses: number;
            /** @description Leases on it now. */
            leases: number;
            /** @description Grows with each grant. */
            fence: number;
            /** @description A cordoned one serves no new lease. */
            cordoned: boolean;
            /** @description Where its machine did not answer when it was last asked, why, as a code: `unreachable`, `host-key-changed`. It serves no new lease until it does. */
            silent?: string;
            /** @description The isolation as read back from the engine. */
            verified: {
                [key: string]: unknown;
            } | null;
            /** @description What it holds: repository addresses by directory. */
            contents: {
                [key: string]: string;
            };
            lastConsumer: string | null;
            /** @description Why it ended. */
            reason: string | null;
            /** Format: date-time */
            createdAt: string;
            /** Format: date-time */
            activeAt: string | null;
            /** Format: date-time */
            lastUsedAt: string | null;
            /** Format: date-time */
            endedAt: string | null;
        };
        ResourcePage: {
            items: components["schemas"]["Resource"][];
            /** @description Gives the next page; null on the last. */
            nextCursor: string | null;
        };
        ReleaseResourceBody: {
            /** @description What it stands on is gone for good, and this is how you know: it is given up, with what stands on it, and nothing more is done there. What turns up all the same is swept. */
            gone?: string;
        };
        OperationBody: {
            /**
             * @description `land`: squash-merge and push.
             * @enum {string}
             */
            type: "land";
            /** @description For whom; only an admin names one. */
            consumer?: string;
            /** @description Repository to push to. */
            repository: string;
            /** @description The change to land. */
            source: components["schemas"]["SourceBody"];
            /** @description Branch to land it on. */
            target: string;
            /** @description Commit message. */
            message: string;
            /** @description Author of the commit, as in `Ada Lovelace <ada@example.org>`. */
            author: string;
            /** @description The target must stand at this commit, or nothing is done. */
            expect?: string;
        };
        OperationSource: {
            uri: string;
            ref: string;
        };
        Operation: {
            id: string;
            /** @enum {string} */
            type: "land";
            consumer: string;
            /** @enum {string} */
            state: "waiting" | "working" | "done" | "failed";
            repository: string;
            source: components["schemas"]["OperationSource"];
            target: string;
            message: string;
            author: string;
            expect?: string;
            /** @description Id of the lease that it works on. */
            lease?: string;
            /** @description The commit made, or what failed. */
            result?: {
                [key: string]: unknown;
            };
            /** Format: date-time */
            createdAt: string;
            /** Format: date-time */
            endedAt: string | null;
            /** Format: date-time */
            dismissedAt: string | null;
        };
        OperationPage: {
            items: components["schemas"]["Operation"][];
            /** @description Gives the next page; null on the last. */
            nextCursor: string | null;
        };
        Event: {
            /** @description Opaque; send it as `after` or `Last-Event-ID` to go on from here. */
            id: string;
            /** Format: date-time */
            at: string;
            /** @description What happened, such as `lease.active`. */
            kind: string;
            lease?: string;
            resource?: string;
            blueprint?: string;
            consumer?: string;
            authorization?: string;
            command?: string;
            operation?: string;
            /** @description Who did it. */
            principal?: string;
            data: {
                [key: string]: unknown;
            };
        };
        EventPage: {
            items: components["schemas"]["Event"][];
            /** @description Gives the next page; null on the last. */
            nextCursor: string | null;
        };
        IsolationWaiver: {
            /** @enum {string} */
            rule: "unknown-policy" | "zero-not-acknowledged" | "local-host" | "broker-machine" | "machine-in-two-tiers" | "machine-twice" | "host-key-changed" | "image-not-pinned" | "not-single-use";
            /** @description `machine/…`, `blueprint/…`, `tier/…`, or `*` for all. */
            subject: string;
            reason: string;
        };
        IsolationFinding: {
            /** @enum {string} */
            severity: "violation" | "waived" | "notice";
            /** @enum {string} */
            rule: "unknown-policy" | "zero-not-acknowledged" | "local-host" | "broker-machine" | "machine-in-two-tiers" | "machine-twice" | "host-key-changed" | "image-not-pinned" | "not-single-use";
            subjects: string[];
            message: string;
        };
        IsolationInterference: {
            /** @description `tier/…` or `blueprint/…`. */
            a: string;
            /** @description The same where it is the leases of one among themselves. */
            b: string;
            /** @description What they meet on. */
            through: string;
            /** @description The setting, policy or waiver that lets them. */
            allowedBy: string;
        };
        IsolationReport: {
            /** @enum {string} */
            policy: "zero" | "low" | "high" | "custom" | "absolute";
            waivers: components["schemas"]["IsolationWaiver"][];
            findings: components["schemas"]["IsolationFinding"][];
            interference: components["schemas"]["IsolationInterference"][];
        };
        Suspect: {
            /**
             * @description An orphan exists and no live resource wants it: it is destroyed. A missing one is a live resource that is not there, or does not run, any more: it is broken, and its leases end as `resource-lost`.
             * @enum {string}
             */
            kind: "orphan" | "missing";
            /** @description Id of the resource; of an orphan, as its label says. */
            resource: string;
            /** @description What it is called where it was found. */
            name: string;
            /** @description The blueprint at whose endpoints it was looked for. */
            blueprint: string;
            /** @description The machine, where the blueprint has several. */
            place: string | null;
            /**
             * Format: date-time
             * @description Since when it is known to be so; null where no sweep has seen it yet.
             */
            since: string | null;
            /**
             * Format: date-time
             * @description When it is acted on, if it is still so then; null where that takes a second look.
             */
            actsAt: string | null;
        };
        Silent: {
            blueprint: string;
            /** @description The machine; null: the endpoint as a whole. */
            place: string | null;
            /** @description Kind of the fault, such as `unreachable` or `host-key-changed`. */
            code: string;
            reason: string;
        };
        Sweep: {
            blueprint: string;
            /**
             * Format: date-time
             * @description When its endpoints were last compared with the rows.
             */
            sweptAt: string | null;
            /** @description Why they could not be since. */
            fault: string | null;
        };
        SweepReport: {
            suspects: components["schemas"]["Suspect"][];
            silent: components["schemas"]["Silent"][];
            sweeps: components["schemas"]["Sweep"][];
        };
        DoctorFinding: {
            name: string;
            /** @description Of the invariant in docs/architecture.md; null: the broker’s own bookkeeping. */
            number: number | null;
            /**
             * @description Whether it must hold at every instant, or once nothing is under way: what is found of the latter was still so 2 s later, and nobody at work on it.
             * @enum {string}
             */
            when: "always" | "at-rest";
            /** @description What must hold, and does not. */
            sentence: string;
            /** @description What to do. */
            advice: string;
            /** @description Ids or names of what breaks it, at most 20. */
            subjects: string[];
            /** @description There are more. */
            more: boolean;
        };
        Unchecked: {
            /** @description Name of the check. */
            check: string;
            reason: string;
        };
        Diagnosis: {
            /** @description Everything was checked, and nothing was found. */
            whole: boolean;
            /** @description Names of the checks. */
            checked: string[];
            findings: components["schemas"]["DoctorFinding"][];
            /** @description What could not be checked, or not everywhere. */
            unchecked: components["schemas"]["Unchecked"][];
        };
        ManifestsBody: {
            /** @description Taken together: one may refer to another. */
            documents: components["schemas"]["Manifest"][];
            /** @description Only say what would change. */
            dryRun?: boolean;
        };
        ManifestChange: {
            /** @enum {string} */
            kind: "Policy" | "Tier" | "Credential" | "Blueprint" | "Consumer";
            name: string;
            /** @enum {string} */
            action: "created" | "updated" | "unchanged";
            /** @description Fields that differ. */
            fields: string[];
            /** @description What follows from it, such as approvals set back. */
            effects: string[];
        };
        ManifestChanges: {
            changes: components["schemas"]["ManifestChange"][];
        };
        Profile: {
            /** @enum {string} */
            reuse: "none" | "consumer" | "tier";
            /** @enum {string} */
            network: "none" | "egress" | "bridge";
            /** @description Container runtimes allowed; null: any. */
            runtimes: string[] | null;
            /** @description Duration; no expiry is ever further ahead. */
            maxTtl: string;
            maxLeasesPerResource: number;
            /** @description Whether leases may be given secrets. */
            secrets: boolean;
            /** @description Whether whoever declared a consumer’s list is kept from approving it. */
            fourEyes: boolean;
        };
        Tier: {
            name: string;
            profile: components["schemas"]["Profile"];
        };
        TierPage: {
            items: components["schemas"]["Tier"][];
            /** @description Gives the next page; null on the last. */
            nextCursor: string | null;
        };
        Liveness: {
            /** @enum {string} */
            status: "ok";
        };
        Check: {
            name: string;
            ok: boolean;
            detail?: string;
        };
        Readiness: {
            ready: boolean;
            checks: components["schemas"]["Check"][];
        };
        Info: {
            /** @description Of the broker. */
            version: string;
            /** @description Id of this installation. */
            broker: string;
            /** @enum {string} */
            isolation: "zero" | "low" | "high" | "custom" | "absolute";
        };
        WhoAmI: {
            /** @enum {string} */
            kind: "person" | "consumer";
            name: string;
            /** @description Of a person. */
            roles?: components["schemas"]["PersonRole"][];
            broker: components["schemas"]["Info"];
        };
        /** @enum {string} */
        ErrorCode: "malformed" | "unauthenticated" | "forbidden" | "cross-tier" | "four-eyes" | "not-found" | "conflict" | "already-decided" | "illegal-move" | "in-use" | "idempotency-conflict" | "lease-not-active" | "lease-over" | "events-gone" | "stale-fence" | "too-large" | "unsupported-media-type" | "impossible" | "policy-denies" | "too-many-requests" | "internal" | "unavailable";
        Fault: {
            /** @description Dotted path of the field, such as `limits.resources`; a header by its name. */
            path: string;
            /** @description What would be right. */
            message: string;
        };
        Problem: {
            /**
             * Format: uri-reference
             * @description Where the code is explained.
             */
            type: string;
            title: string;
            status: number;
            /** @description What happened and what to do about it. */
            detail: string;
            code: components["schemas"]["ErrorCode"];
            /** @description Path of the request. */
            instance: string;
            /** @description The faulty fields. */
            errors?: components["schemas"]["Fault"][];
            /** @description Ids and values that help. */
            details?: {
                [key: string]: unknown;
            };
        };
        Manifest: {
            /**
             * @description The language of the manifest.
             * @enum {string}
             */
            apiVersion: "berth/v1";
            /**
             * @description What it declares.
             * @enum {string}
             */
            kind: "Policy" | "Tier" | "Credential" | "Blueprint" | "Consumer";
            /** @description Its name. */
            metadata: components["schemas"]["ManifestMetadata"];
            /** @description As for `PUT /v1/blueprints/{name}` and its like; without it every field has its default. */
            spec?: {
                [key: string]: unknown;
            };
        };
        ManifestMetadata: {
            /** @description What it is called. */
            name: string;
        };
        SourceBody: {
            /** @description Repository that holds the change. */
            uri: string;
            /** @description The change. */
            ref: string;
        };
        RoleBody: {
            /**
             * @description `admin`: everything; `approver`: decides authorizations; `viewer`: reads.
             * @enum {string}
             */
            role: "admin" | "approver" | "viewer";
            /** @description Tiers that an approver decides for; left out: all. */
            tiers?: string[];
        };
        OidcSpec: {
            issuer: string;
            audience: string;
            claims: {
                [key: string]: unknown;
            };
        };
        LimitsSpec: {
            /** @description Most live resources at a time. */
            resources?: number;
            /** @description Most live leases on one resource. */
            leasesPerResource?: number;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    "Leases.list": {
        parameters: {
            query?: {
                /** @description In this state. */
                state?: "pending" | "acquired" | "active" | "released" | "broken" | "destroyed";
                /** @description On this type of resource. */
                type?: "host" | "working-copy";
                /** @description Of this consumer. */
                consumer?: string;
                /** @description Served by this blueprint. */
                blueprint?: string;
                /** @description In this tier. */
                tier?: string;
                /** @description On the resource of this id. */
                resource?: string;
                /** @description Most items in the answer. */
                limit?: number;
                /** @description `nextCursor` of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LeasePage"];
                };
            };
            /** @description `malformed` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "Leases.request": {
        parameters: {
            query?: {
                /** @description Hold the request for at most this long. */
                wait?: string;
            };
            header?: {
                /** @description `wait=30` holds the request until the thing settles, at most 300 s; `?wait=30s` does the same. */
                Prefer?: string;
                /** @description A key of your own, 1 to 255 characters: the same request sent again gets the first answer. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["LeaseBody"];
            };
        };
        responses: {
            /** @description Created. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Lease"];
                };
            };
            /** @description Accepted. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Lease"];
                };
            };
            /** @description `malformed` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`, `cross-tier` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency-conflict` */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `impossible`, `policy-denies` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "Leases.get": {
        parameters: {
            query?: {
                /** @description Hold the request for at most this long. */
                wait?: string;
            };
            header?: {
                /** @description `wait=30` holds the request until the thing settles, at most 300 s; `?wait=30s` does the same. */
                Prefer?: string;
            };
            path: {
                /** @description Its id, prefixed. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Lease"];
                };
            };
            /** @description `malformed` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "Leases.renew": {
        parameters: {
            query?: never;
            header?: {
                /** @description The `fence` of the lease as you know it: where it has moved on, the answer is 412. */
                "Berth-Fence"?: string;
            };
            path: {
                /** @description Its id, prefixed. */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RenewBody"];
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Lease"];
                };
            };
            /** @description `malformed` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `lease-not-active` */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `lease-over` */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `stale-fence` */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "Leases.release": {
        parameters: {
            query?: never;
            header?: {
                /** @description The `fence` of the lease as you know it: where it has moved on, the answer is 412. */
                "Berth-Fence"?: string;
            };
            path: {
                /** @description Its id, prefixed. */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["EmptyBody"];
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Lease"];
                };
            };
            /** @description `malformed` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `stale-fence` */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "Commands.list": {
        parameters: {
            query?: {
                /** @description Most items in the answer. */
                limit?: number;
                /** @description `nextCursor` of the page before. */
                cursor?: string;
            };
            header?: never;
            path: {
                /** @description Its id, prefixed. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CommandPage"];
                };
            };
            /** @description `malformed` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "Commands.start": {
        parameters: {
            query?: {
                /** @description Hold the request for at most this long. */
                wait?: string;
            };
            header?: {
                /** @description `wait=30` holds the request until the thing settles, at most 300 s; `?wait=30s` does the same. */
                Prefer?: string;
                /** @description A key of your own, 1 to 255 characters: the same request sent again gets the first answer. */
                "Idempotency-Key"?: string;
                /** @description The `fence` of the lease as you know it: where it has moved on, the answer is 412. */
                "Berth-Fence"?: string;
            };
            path: {
                /** @description Its id, prefixed. */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CommandBody"];
            };
        };
        responses: {
            /** @description Created. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Command"];
                };
            };
            /** @description `malformed` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `lease-not-active`, `conflict`, `idempotency-conflict` */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `lease-over` */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `stale-fence` */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `impossible`, `policy-denies` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "Commands.get": {
        parameters: {
            query?: {
                /** @description Hold the request for at most this long. */
                wait?: string;
            };
            header?: {
                /** @description `wait=30` holds the request until the thing settles, at most 300 s; `?wait=30s` does the same. */
                Prefer?: string;
            };
            path: {
                /** @description Its id, prefixed. */
                id: string;
                /** @description Id of the command. */
                commandId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Command"];
                };
            };
            /** @description `malformed` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "Commands.output": {
        parameters: {
            query?: {
                /** @description This stream only. */
                stream?: "stdout" | "stderr";
                /** @description What comes after the piece of this `seq`. */
                after?: number;
                /** @description As text: go on, live, until the command has ended. An event stream always does. */
                follow?: "true" | "false";
            };
            header?: {
                /** @description Id of the last event seen; the stream goes on after it. */
                "Last-Event-ID"?: string;
            };
            path: {
                /** @description Its id, prefixed. */
                id: string;
                /** @description Id of the command. */
                commandId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                    "text/event-stream": components["schemas"]["OutputPiece"];
                };
            };
            /** @description `malformed` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "Commands.cancel": {
        parameters: {
            query?: never;
            header?: {
                /** @description The `fence` of the lease as you know it: where it has moved on, the answer is 412. */
                "Berth-Fence"?: string;
            };
            path: {
                /** @description Its id, prefixed. */
                id: string;
                /** @description Id of the command. */
                commandId: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["EmptyBody"];
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Command"];
                };
            };
            /** @description `malformed` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `stale-fence` */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "Files.read": {
        parameters: {
            query?: never;
            header?: {
                /** @description The `fence` of the lease as you know it: where it has moved on, the answer is 412. */
                "Berth-Fence"?: string;
            };
            path: {
                /** @description Its id, prefixed. */
                id: string;
                /** @description Relative path; its slashes are part of it. */
                path: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/octet-stream": string;
                };
            };
            /** @description `malformed` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `lease-not-active` */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `lease-over` */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `stale-fence` */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "Files.write": {
        parameters: {
            query?: never;
            header?: {
                /** @description The `fence` of the lease as you know it: where it has moved on, the answer is 412. */
                "Berth-Fence"?: string;
            };
            path: {
                /** @description Its id, prefixed. */
                id: string;
                /** @description Relative path; its slashes are part of it. */
                path: string;
            };
            cookie?: never;
        };
        /** @description The bytes, of any media type and length. */
        requestBody: {
            content: {
                "application/octet-stream": string;
            };
        };
        responses: {
            /** @description Done. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `malformed` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `lease-not-active` */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `lease-over` */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `stale-fence` */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `impossible` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "Files.artifacts": {
        parameters: {
            query?: never;
            header?: {
                /** @description The `fence` of the lease as you know it: where it has moved on, the answer is 412. */
                "Berth-Fence"?: string;
            };
            path: {
                /** @description Its id, prefixed. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/x-tar": string;
                };
            };
            /** @description `malformed` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `lease-not-active` */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `lease-over` */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `stale-fence` */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "Blueprints.get": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Its name. */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Blueprint"];
                };
            };
            /** @description `malformed` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "Blueprints.declare": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Its name. */
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["BlueprintSpec"];
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Blueprint"];
                };
            };
            /** @description Created. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Blueprint"];
                };
            };
            /** @description `malformed` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `conflict`, `in-use` */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `impossible`, `policy-denies` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "Blueprints.remove": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Its name. */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `malformed` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `in-use` */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "Blueprints.list": {
        parameters: {
            query?: {
                /** @description Most items in the answer. */
                limit?: number;
                /** @description `nextCursor` of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BlueprintPage"];
                };
            };
            /** @description `malformed` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "Blueprints.disable": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Its name. */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Blueprint"];
                };
            };
            /** @description `malformed` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "Blueprints.enable": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Its name. */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Blueprint"];
                };
            };
            /** @description `malformed` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "Consumers.get": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Its name. */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Consumer"];
                };
            };
            /** @description `malformed` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "Consumers.declare": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Its name. */
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ConsumerSpec"];
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Consumer"];
                };
            };
            /** @description Created. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Consumer"];
                };
            };
            /** @description `malformed` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `cross-tier` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `conflict` */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `impossible`, `policy-denies` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "Consumers.remove": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Its name. */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `malformed` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `in-use` */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "Consumers.list": {
        parameters: {
            query?: {
                /** @description Most items in the answer. */
                limit?: number;
                /** @description `nextCursor` of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ConsumerPage"];
                };
            };
            /** @description `malformed` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "People.get": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Its name. */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Person"];
                };
            };
            /** @description `malformed` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "People.put": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Its name. */
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PersonBody"];
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Person"];
                };
            };
            /** @description Created. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Person"];
                };
            };
            /** @description `malformed` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `conflict` */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `impossible` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "People.remove": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Its name. */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `malformed` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `conflict` */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "People.list": {
        parameters: {
            query?: {
                /** @description Most items in the answer. */
                limit?: number;
                /** @description `nextCursor` of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PersonPage"];
                };
            };
            /** @description `malformed` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "Tokensconsumer.list": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Its name. */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TokenPage"];
                };
            };
            /** @description `malformed` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "Tokensconsumer.create": {
        parameters: {
            query?: never;
            header?: {
                /** @description A key of your own, 1 to 255 characters: the same request sent again gets the first answer. */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description Its name. */
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["EmptyBody"];
            };
        };
        responses: {
            /** @description Created. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["NewToken"];
                };
            };
            /** @description `malformed` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `conflict`, `idempotency-conflict` */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "Tokensconsumer.revoke": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Its name. */
                name: string;
                /** @description Its id, prefixed. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `malformed` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "Tokensperson.list": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Its name. */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TokenPage"];
                };
            };
            /** @description `malformed` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "Tokensperson.create": {
        parameters: {
            query?: never;
            header?: {
                /** @description A key of your own, 1 to 255 characters: the same request sent again gets the first answer. */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description Its name. */
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["EmptyBody"];
            };
        };
        responses: {
            /** @description Created. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["NewToken"];
                };
            };
            /** @description `malformed` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `conflict`, `idempotency-conflict` */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "Tokensperson.revoke": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Its name. */
                name: string;
                /** @description Its id, prefixed. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `malformed` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "Authorizations.list": {
        parameters: {
            query?: {
                /** @description The blueprint's side. */
                state?: "requested" | "authorized" | "declined" | "expired";
                /** @description Those to use this blueprint. */
                blueprint?: string;
                /** @description Those of this consumer. */
                consumer?: string;
                /** @description Most items in the answer. */
                limit?: number;
                /** @description `nextCursor` of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AuthorizationPage"];
                };
            };
            /** @description `malformed` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "Authorizations.get": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Its id, prefixed. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Authorization"];
                };
            };
            /** @description `malformed` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "Authorizations.approve": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Its id, prefixed. */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ApproveBody"];
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Authorization"];
                };
            };
            /** @description `malformed` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `cross-tier`, `four-eyes`, `forbidden` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `already-decided` */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "Authorizations.decline": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Its id, prefixed. */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["DeclineBody"];
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Authorization"];
                };
            };
            /** @description `malformed` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `already-decided` */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "Authorizations.revoke": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Its id, prefixed. */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RevokeBody"];
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Authorization"];
                };
            };
            /** @description `malformed` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `already-decided` */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "Resources.list": {
        parameters: {
            query?: {
                /** @description In this state. */
                state?: "pending" | "active" | "released" | "broken" | "destroyed";
                /** @description Of this type. */
                type?: "host" | "working-copy";
                /** @description Of this blueprint. */
                blueprint?: string;
                /** @description In this tier. */
                tier?: string;
                /** @description Most items in the answer. */
                limit?: number;
                /** @description `nextCursor` of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ResourcePage"];
                };
            };
            /** @description `malformed` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "Resources.get": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Its id, prefixed. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Resource"];
                };
            };
            /** @description `malformed` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "Resources.release": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Its id, prefixed. */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ReleaseResourceBody"];
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Resource"];
                };
            };
            /** @description `malformed` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `illegal-move`, `in-use` */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "Resources.cordon": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Its id, prefixed. */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["EmptyBody"];
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Resource"];
                };
            };
            /** @description `malformed` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "Resources.uncordon": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Its id, prefixed. */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["EmptyBody"];
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Resource"];
                };
            };
            /** @description `malformed` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "Resources.reclaim": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Its id, prefixed. */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["EmptyBody"];
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Resource"];
                };
            };
            /** @description `malformed` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `in-use`, `illegal-move` */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "Operations.list": {
        parameters: {
            query?: {
                /** @description In this state. */
                state?: "waiting" | "working" | "done" | "failed";
                /** @description For this consumer. */
                consumer?: string;
                /** @description Most items in the answer. */
                limit?: number;
                /** @description `nextCursor` of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OperationPage"];
                };
            };
            /** @description `malformed` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "Operations.request": {
        parameters: {
            query?: never;
            header?: {
                /** @description A key of your own, 1 to 255 characters: the same request sent again gets the first answer. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["OperationBody"];
            };
        };
        responses: {
            /** @description Accepted. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Operation"];
                };
            };
            /** @description `malformed` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `cross-tier` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency-conflict` */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `impossible`, `policy-denies` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "Operations.get": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Its id, prefixed. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Operation"];
                };
            };
            /** @description `malformed` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "Operations.dismiss": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Its id, prefixed. */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["EmptyBody"];
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Operation"];
                };
            };
            /** @description `malformed` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not-found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `conflict` */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "Events.list": {
        parameters: {
            query?: {
                /** @description Those after the event of this id. */
                after?: string;
                /** @description Those of this lease. */
                lease?: string;
                /** @description Those of this resource. */
                resource?: string;
                /** @description Those of this blueprint. */
                blueprint?: string;
                /** @description Those of this consumer. */
                consumer?: string;
                /** @description Most items in the answer. */
                limit?: number;
                /** @description `nextCursor` of the page before. */
                cursor?: string;
            };
            header?: {
                /** @description Id of the last event seen; the stream goes on after it. */
                "Last-Event-ID"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EventPage"];
                    "text/event-stream": components["schemas"]["Event"];
                };
            };
            /** @description `malformed` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `events-gone` */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "Isolation.report": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["IsolationReport"];
                };
            };
            /** @description `malformed` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "Sweep.report": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SweepReport"];
                };
            };
            /** @description `malformed` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "Sweep.now": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["EmptyBody"];
            };
        };
        responses: {
            /** @description Accepted. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `malformed` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "Doctor.examine": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Diagnosis"];
                };
            };
            /** @description `malformed` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "Manifests.apply": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ManifestsBody"];
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ManifestChanges"];
                };
            };
            /** @description `malformed` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `cross-tier` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `conflict`, `in-use` */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `impossible`, `policy-denies` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "Manifests.tiers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TierPage"];
                };
            };
            /** @description `malformed` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "Health.alive": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Liveness"];
                };
            };
        };
    };
    "Health.ready": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Readiness"];
                };
            };
            /** @description `unavailable` */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "Health.metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
            /** @description `malformed` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    "Health.whoami": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WhoAmI"];
                };
            };
            /** @description `malformed` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
}
