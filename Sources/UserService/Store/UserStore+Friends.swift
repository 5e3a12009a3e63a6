// SPDX-License-Identifier: Apache-2.0

internal import GRDB
internal import ServiceKit

/// A friend request as it is stored.
struct FriendRequest: Sendable, Equatable {
    var id: RecordID
    var sender: RecordID
    var receiver: RecordID
    var state: FriendRequestState

    func role(of user: RecordID) -> FriendRequestState.Role {
        user == sender ? .sender : user == receiver ? .receiver : .stranger
    }
}

extension UserStore {
    /// What becomes of an offer of friendship.
    enum Offer: Sendable, Equatable {
        /// It waits for an answer.
        case pending(FriendRequest)
        /// The other one had already asked: that request is accepted.
        case crossed(FriendRequest)
        case alreadyPending(FriendRequest)
        case alreadyFriends
        case noSuchUser
    }

    /// What becomes of an answer to a friend request.
    enum Decision: Sendable, Equatable {
        case done(FriendRequest)
        case forbidden
        case conflict(FriendRequest)
        case noSuchRequest
    }

    /// Which of somebody's pending requests.
    enum Direction: String, Sendable, CaseIterable {
        case incoming, outgoing
    }

    func offerFriendship(from sender: RecordID, to receiver: RecordID) async throws -> Offer {
        let ids = ids
        return try await database.write { db in
            guard try Self.user(receiver, in: db) != nil, try Self.user(sender, in: db) != nil else {
                return .noSuchUser
            }
            guard try !Self.areFriends(sender, receiver, in: db) else { return .alreadyFriends }
            let between = try db.cachedStatement(
                sql: """
                    SELECT id, sender, receiver, state FROM friendRequests
                    WHERE min(sender, receiver) = ? AND max(sender, receiver) = ? AND state = 'pending'
                    """)
            let pair = [min(sender, receiver), max(sender, receiver)]
            if let row = try Row.fetchOne(between, arguments: StatementArguments(pair)) {
                var request = try Self.request(row)
                guard request.receiver == sender else { return .alreadyPending(request) }
                request.state = .accepted
                try Self.store(request, in: db)
                return .crossed(request)
            }
            let request = FriendRequest(id: ids.next(), sender: sender, receiver: receiver, state: .pending)
            let insert = try db.cachedStatement(
                sql: "INSERT INTO friendRequests (id, sender, receiver, state) VALUES (?, ?, ?, ?)")
            try insert.execute(arguments: [request.id, sender, receiver, request.state.rawValue])
            return .pending(request)
        }
    }

    func decide(_ action: FriendRequestState.Action, request id: RecordID, by user: RecordID) async throws -> Decision {
        try await database.write { db in
            let find = try db.cachedStatement(
                sql: "SELECT id, sender, receiver, state FROM friendRequests WHERE id = ?")
            guard var request = try Row.fetchOne(find, arguments: [id]).map(Self.request) else { return .noSuchRequest }
            let role = request.role(of: user)
            // To a stranger it does not exist: ids must not be worth trying out.
            guard role != .stranger else { return .noSuchRequest }
            switch request.state.outcome(of: action, by: role) {
            case .moved(let state):
                request.state = state
                try Self.store(request, in: db)
                return .done(request)
            case .unchanged: return .done(request)
            case .forbidden: return .forbidden
            case .conflict: return .conflict(request)
            }
        }
    }

    /// Somebody's pending requests, the newest first.
    func pendingRequests(
        of user: RecordID, _ direction: Direction, page: PageRequest
    ) async throws -> Page<FriendRequest> {
        // Two fixed texts: nothing of a client's gets into SQL.
        let column = direction == .incoming ? "receiver" : "sender"
        return try await database.read { db in
            let statement = try db.cachedStatement(
                sql: """
                    SELECT id, sender, receiver, state FROM friendRequests
                    WHERE \(column) = ? AND state = 'pending' AND id < ? ORDER BY id DESC LIMIT ?
                    """)
            let before = page.cursor?.position ?? RecordID(rawValue: .max)
            let rows = try Row.fetchAll(statement, arguments: [user, before, page.limit + 1]).map(Self.request)
            return Page(rows: rows, limit: page.limit, list: .friendRequests) { $0.id }
        }
    }

    /// Somebody's friends, in the order in which they signed up; nil when there is no such user.
    func friends(of user: RecordID, page: PageRequest) async throws -> Page<User>? {
        try await database.read { db in
            guard try Self.user(user, in: db) != nil else { return nil }
            let statement = try db.cachedStatement(
                sql: """
                    SELECT u.id, u.username, u.displayName, u.bio, u.version
                    FROM friendships f JOIN users u ON u.id = f.friend
                    WHERE f.user = ? AND f.friend > ? ORDER BY f.friend LIMIT ?
                    """)
            let after = page.cursor?.position ?? RecordID(rawValue: 0)
            let rows = try Row.fetchAll(statement, arguments: [user, after, page.limit + 1]).map(Self.user)
            return Page(rows: rows, limit: page.limit, list: .friends) { $0.id }
        }
    }

    /// The ids of all of somebody's friends; nil when there is no such user.
    func friendIDs(of user: RecordID) async throws -> [RecordID]? {
        try await database.read { db in
            guard try Self.user(user, in: db) != nil else { return nil }
            let statement = try db.cachedStatement(sql: "SELECT friend FROM friendships WHERE user = ? ORDER BY friend")
            return try RecordID.fetchAll(statement, arguments: [user])
        }
    }

    /// Ends a friendship; without one nothing happens.
    func endFriendship(_ user: RecordID, _ friend: RecordID) async throws {
        try await database.write { db in
            let statement = try db.cachedStatement(sql: "DELETE FROM friendships WHERE user = ? AND friend = ?")
            try statement.execute(arguments: [user, friend])
            try statement.execute(arguments: [friend, user])
        }
    }

    private static func areFriends(_ one: RecordID, _ other: RecordID, in db: Database) throws -> Bool {
        let statement = try db.cachedStatement(sql: "SELECT 1 FROM friendships WHERE user = ? AND friend = ?")
        return try Row.fetchOne(statement, arguments: [one, other]) != nil
    }

    /// Writes a request's state and, when it was accepted, the friendship.
    private static func store(_ request: FriendRequest, in db: Database) throws {
        let update = try db.cachedStatement(sql: "UPDATE friendRequests SET state = ? WHERE id = ?")
        try update.execute(arguments: [request.state.rawValue, request.id])
        guard request.state == .accepted else { return }
        let insert = try db.cachedStatement(sql: "INSERT OR IGNORE INTO friendships (user, friend) VALUES (?, ?)")
        try insert.execute(arguments: [request.sender, request.receiver])
        try insert.execute(arguments: [request.receiver, request.sender])
    }

    private static func request(_ row: Row) throws -> FriendRequest {
        guard let state = FriendRequestState(rawValue: row[3]) else {
            throw DatabaseError(resultCode: .SQLITE_CORRUPT, message: "friendRequests.state holds something unknown")
        }
        return FriendRequest(id: row[0], sender: row[1], receiver: row[2], state: state)
    }
}
