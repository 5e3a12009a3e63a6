// SPDX-License-Identifier: Apache-2.0

internal import GRDB
internal import ServiceKit

/// The users, their sign-ins and their friendships.
///
/// Reads run beside each other and beside the one writer. Safe from any thread.
struct UserStore: Sendable {
    let database: any DatabaseWriter
    let ids: RecordIDGenerator
    /// Milliseconds since 1970.
    let now: @Sendable () -> Int64

    /// - Throws: when the database can't be read.
    init(database: any DatabaseWriter, now: @escaping @Sendable () -> Int64 = WallClock.milliseconds) throws {
        self.database = database
        self.now = now
        let highest = try database.read { db in
            try RecordID.fetchOne(
                db,
                sql: "SELECT max(id) FROM (SELECT max(id) AS id FROM users UNION SELECT max(id) FROM friendRequests)")
        }
        ids = RecordIDGenerator(after: highest, now: now)
    }

    static let columns = "id, username, displayName, bio, version"

    static func user(_ row: Row) -> User {
        User(id: row[0], username: row[1], displayName: row[2], bio: row[3], version: row[4])
    }

    // MARK: - Users

    /// What becomes of a sign-up.
    enum SignUp: Sendable, Equatable {
        /// What the client is told.
        case created(IdempotencyRecords.Answer)
        /// The same request was answered before, like this.
        case repeated(IdempotencyRecords.Answer)
        case nameTaken
    }

    /// Adds a user.
    ///
    /// - Parameters:
    ///   - request: the client's idempotency key with what it stands for, if it sent one.
    ///   - answer: what the client will be told.
    /// - Throws: `IdempotencyRecords.KeyReused`, and what the database throws.
    func add(
        username: String, displayName: String, passwordHash: String, request: IdempotencyRecords.Request?,
        answer: @escaping @Sendable (User) throws -> IdempotencyRecords.Answer
    ) async throws -> SignUp {
        let (ids, time) = (ids, now())
        return try await database.write { db in
            if let request, let earlier = try IdempotencyRecords.answer(to: request, now: time, in: db) {
                return .repeated(earlier)
            }
            let taken = try db.cachedStatement(sql: "SELECT 1 FROM users WHERE username = ?")
            guard try Row.fetchOne(taken, arguments: [username]) == nil else { return .nameTaken }
            let user = User(id: ids.next(), username: username, displayName: displayName, bio: "", version: 1)
            let insert = try db.cachedStatement(
                sql: "INSERT INTO users (id, username, displayName, passwordHash) VALUES (?, ?, ?, ?)")
            try insert.execute(arguments: [user.id, username, displayName, passwordHash])
            let answer = try answer(user)
            if let request { try IdempotencyRecords.remember(answer, to: request, now: time, in: db) }
            return .created(answer)
        }
    }

    /// The answer that an earlier sign-up with this key got.
    ///
    /// - Throws: `IdempotencyRecords.KeyReused`, and what the database throws.
    func earlierAnswer(to request: IdempotencyRecords.Request) async throws -> IdempotencyRecords.Answer? {
        let time = now()
        return try await database.read { db in try IdempotencyRecords.answer(to: request, now: time, in: db) }
    }

    func user(_ id: RecordID) async throws -> User? {
        try await database.read { db in try Self.user(id, in: db) }
    }

    static func user(_ id: RecordID, in db: Database) throws -> User? {
        let statement = try db.cachedStatement(sql: "SELECT \(columns) FROM users WHERE id = ?")
        return try Row.fetchOne(statement, arguments: [id]).map(user)
    }

    /// Those of the users who exist, in the order asked for.
    func users(_ ids: [RecordID]) async throws -> [User] {
        // One cached statement, run for each: the number of ids would make as many statements.
        try await database.read { db in try ids.compactMap { try Self.user($0, in: db) } }
    }

    /// A user and their password's hash.
    func credentials(username: String) async throws -> (user: User, passwordHash: String)? {
        try await database.read { db in
            let statement = try db.cachedStatement(
                sql: "SELECT \(Self.columns), passwordHash FROM users WHERE username = ?")
            return try Row.fetchOne(statement, arguments: [username]).map { (Self.user($0), $0[5]) }
        }
    }

    /// Changes a profile, unless somebody changed it since `version`.
    ///
    /// - Returns: the new profile; nil when the version is another one now.
    func update(_ id: RecordID, version: Int, displayName: String, bio: String) async throws -> User? {
        try await database.write { db in
            let statement = try db.cachedStatement(
                sql: "UPDATE users SET displayName = ?, bio = ?, version = version + 1 WHERE id = ? AND version = ?")
            try statement.execute(arguments: [displayName, bio, id, version])
            return db.changesCount == 1 ? try Self.user(id, in: db) : nil
        }
    }
}
