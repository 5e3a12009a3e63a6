// SPDX-License-Identifier: Apache-2.0

internal import Hummingbird
internal import ServiceKit

/// Sign-up and profiles.
struct UserRoutes: Sendable {
    let store: UserStore
    let hasher: PasswordHasher

    func add(to router: Router<ServiceContext>) {
        router.post("/v1/users") { request, _ in try await signUp(request) }
        router.get("/v1/users") { request, _ in try await several(request) }
        router.get("/v1/users/:id") { request, context in try await profile(request, context) }
        router.patch("/v1/users/:id") { request, context in try await edit(request, context) }
    }

    private struct NewUser: Decodable {
        var username: String
        var password: String
        var displayName: String?
    }

    private func signUp(_ request: Request) async throws -> Response {
        let key = try request.idempotencyKey()
        let new = try await request.json(NewUser.self)
        let displayName = new.displayName ?? new.username
        let faults =
            ProfileRules.faults(username: new.username) + ProfileRules.faults(password: new.password)
            + (new.displayName.map(ProfileRules.faults(displayName:)) ?? [])
        guard faults.isEmpty else { throw Problem.validation(faults) }

        let record = key.map { key in
            // Not of the password: a digest of it that is quick to compute must not be kept.
            IdempotencyRecords.Request(
                principal: "", operation: "POST /v1/users", key: key,
                fingerprint: IdempotencyRecords.fingerprint(of: ByteBuffer(string: "\(new.username)\n\(displayName)")))
        }
        if let record, let earlier = try await store.earlierAnswer(to: record) { return Response(earlier) }
        let signedUp = try await store.add(
            username: new.username, displayName: displayName, passwordHash: try await hasher.hash(new.password),
            request: record,
            answer: Self.answer(for:))
        switch signedUp {
        case .created(let answer), .repeated(let answer): return Response(answer)
        case .nameTaken:
            throw Problem(
                .conflict, type: "username-taken", detail: "The username is taken; choose another one.",
                faults: [.init(pointer: "/username", detail: "This one is taken.")])
        }
    }

    @Sendable private static func answer(for user: User) throws -> IdempotencyRecords.Answer {
        IdempotencyRecords.Answer(
            location: user.location, entityTag: user.entityTag.description, body: try JSON.text(UserView(user)))
    }

    private func several(_ request: Request) async throws -> Response {
        let users = try await store.users(try InternalRoutes.ids(of: request))
        return try .json(["items": users.map(UserView.init)])
    }

    private func profile(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let user = try await user(context)
        guard !request.hasCurrent(user.entityTag) else { return .notModified(user.entityTag) }
        return try view(user)
    }

    private func edit(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let caller = try await context.caller(request)
        let user = try await user(context)
        guard user.id.description == caller.id else {
            throw Problem.forbidden("Only the user may change their profile.")
        }
        try request.requireIfMatch(user.entityTag)
        let patch = try await request.json(
            ProfilePatch.self, contentTypes: ["application/merge-patch+json", "application/json"])
        let (displayName, bio) = (patch.displayName ?? user.displayName, patch.bio ?? user.bio)
        let faults = ProfileRules.faults(displayName: displayName) + ProfileRules.faults(bio: bio)
        guard faults.isEmpty else { throw Problem.validation(faults) }
        guard let changed = try await store.update(user.id, version: user.version, displayName: displayName, bio: bio)
        else {
            let current = try await self.user(context)
            throw Problem.stale(sent: user.entityTag.description, current: current.entityTag)
        }
        return try view(changed)
    }

    private func user(_ context: ServiceContext) async throws -> User {
        guard let id = RecordID(try context.path("id")), let user = try await store.user(id) else {
            throw Problem.notFound("user")
        }
        return user
    }

    private func view(_ user: User) throws -> Response {
        try .json(UserView(user), headers: [.eTag: user.entityTag.description])
    }
}

/// A JSON merge patch (RFC 7396) of a profile: what is not there stays, null empties.
struct ProfilePatch: Decodable {
    var displayName: String?
    var bio: String?

    private enum Key: String, CodingKey {
        case displayName, bio
    }

    init(from decoder: any Decoder) throws {
        let members = try decoder.container(keyedBy: Key.self)
        // An empty name is then refused, as it should be: everybody has one.
        displayName = try Self.value(.displayName, members)
        bio = try Self.value(.bio, members)
    }

    private static func value(_ key: Key, _ members: KeyedDecodingContainer<Key>) throws -> String? {
        guard members.contains(key) else { return nil }
        return try members.decodeNil(forKey: key) ? "" : try members.decode(String.self, forKey: key)
    }
}
