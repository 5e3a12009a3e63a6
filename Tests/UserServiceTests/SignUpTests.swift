// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import ServiceKit
import Testing

@testable import UserService

@Suite("Sign-up and profiles")
struct SignUpTests {
    private static let ada = #"{"username":"ada","password":"correct horse","displayName":"Ada"}"#

    @Test("who signs up has a profile that anybody can read")
    func signUp() async throws {
        try await UserFixture.run { users in
            let new = try await users.call(.post, "/v1/users", Self.ada)
            #expect(new.status == 201 && new.headers[.eTag] == "\"1\"")
            let location = try #require(new.headers[.location])
            let profile = try await users.call(.get, location)
            #expect(profile.body.username == "ada" && profile.body.displayName == "Ada")
            #expect(!profile.text.contains("assword"))
            let again = try await users.call(.get, location, headers: [.ifNoneMatch: "\"1\""])
            #expect(again.status == 304 && again.text.isEmpty)
        }
    }

    @Test("a username is taken whatever its case")
    func taken() async throws {
        try await UserFixture.run { users in
            _ = try await users.call(.post, "/v1/users", Self.ada)
            let second = try await users.call(.post, "/v1/users", #"{"username":"ADA","password":"correct horse"}"#)
            #expect(second.status == 409 && second.problem == "username-taken")
        }
    }

    @Test("a sign-up that is repeated with its key is done once")
    func repeated() async throws {
        try await UserFixture.run { users in
            let key: HTTPFields = [.idempotencyKey: "\"k1\""]
            let first = try await users.call(.post, "/v1/users", Self.ada, headers: key)
            let second = try await users.call(.post, "/v1/users", Self.ada, headers: key)
            #expect(second.status == 201 && second.text == first.text)
            #expect(second.headers[.location] == first.headers[.location])
            let other = try await users.call(
                .post, "/v1/users", #"{"username":"bob","password":"correct horse"}"#, headers: key)
            #expect(other.status == 422 && other.problem == "idempotency-key-reused")
        }
    }

    @Test("sign-ups with one key at the same time make one user")
    func concurrent() async throws {
        try await UserFixture.run { users in
            let answers = try await withThrowingTaskGroup(of: UserFixture.Answer.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        try await users.call(.post, "/v1/users", Self.ada, headers: [.idempotencyKey: "\"k1\""])
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(answers.allSatisfy { $0.status == 201 })
            #expect(Set(answers.map(\.body.id)).count == 1)
        }
    }

    @Test(
        "what can't be a user is refused with all its faults",
        arguments: [
            (#"{"username":"b","password":"short"}"#, ["/username", "/password"]),
            (#"{"username":"has space","password":"correct horse"}"#, ["/username"]),
            (#"{"username":"bob","password":"correct horse","displayName":""}"#, ["/displayName"]),
            (#"{"username":"bob","password":"correct horse","displayName":"a\u0000b"}"#, ["/displayName"]),
            (#"{"username":"bob"}"#, ["/password"]),
            (#"{"username":["bob"],"password":"correct horse"}"#, ["/username"]),
        ])
    func refused(body: String, pointers: [String]) async throws {
        try await UserFixture.run { users in
            let answer = try await users.call(.post, "/v1/users", body)
            #expect(answer.status == 422)
            #expect(answer.body.errors?.compactMap { $0["pointer"] } == pointers)
        }
    }

    @Test("of many who change one version of a profile, one succeeds")
    func lostUpdate() async throws {
        try await UserFixture.run { users in
            let ada = try await users.person("ada")
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for number in 0..<10 {
                    group.addTask {
                        try await users.call(
                            .patch, "/v1/users/\(ada.id)", #"{"bio":"\#(number)"}"#, token: ada.token,
                            headers: [.ifMatch: "\"1\"", .contentType: "application/merge-patch+json"]
                        ).status
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(statuses.filter { $0 == 200 }.count == 1)
            #expect(statuses.filter { $0 == 412 }.count == 9)
        }
    }

    @Test("a profile is its owner's to change, and only what is named changes")
    func patch() async throws {
        try await UserFixture.run { users in
            let (ada, bob) = (try await users.person("ada"), try await users.person("bob"))
            let path = "/v1/users/\(ada.id)"
            let match: HTTPFields = [.ifMatch: "\"1\""]
            #expect(try await users.call(.patch, path, "{}", headers: match).status == 401)
            #expect(try await users.call(.patch, path, "{}", token: bob.token, headers: match).status == 403)
            #expect(try await users.call(.patch, path, "{}", token: ada.token).status == 428)
            let changed = try await users.call(.patch, path, #"{"bio":"hello"}"#, token: ada.token, headers: match)
            #expect(changed.status == 200 && changed.body.bio == "hello" && changed.body.displayName == "ada")
            #expect(changed.headers[.eTag] == "\"2\"")
            let emptied = try await users.call(
                .patch, path, #"{"bio":null}"#, token: ada.token, headers: [.ifMatch: "\"2\""])
            #expect(emptied.body.bio == "")
            let nameless = try await users.call(
                .patch, path, #"{"displayName":null}"#, token: ada.token, headers: [.ifMatch: "\"3\""])
            #expect(nameless.status == 422)
        }
    }

    @Test(
        "an id that names nobody is 404, whatever it looks like",
        arguments: ["0000000000000", "7zzzzzzzzzzzz", "1", "..%2f..%2fetc%2fpasswd", "%27%20OR%201%3D1--", "%00", "ü"])
    func unknown(id: String) async throws {
        try await UserFixture.run { users in
            let answer = try await users.call(.get, "/v1/users/\(id)")
            #expect(answer.status == 404)
        }
    }

    @Test("several users are read at once, and unknown ones left out")
    func several() async throws {
        try await UserFixture.run { users in
            let (ada, bob) = (try await users.person("ada"), try await users.person("bob"))
            let answer = try await users.call(.get, "/v1/users?ids=\(bob.id),nobody,\(ada.id)")
            #expect(answer.body.items?.map(\.id) == [bob.id, ada.id])
            #expect(try await users.call(.get, "/v1/users").status == 422)
            let many = Array(repeating: ada.id, count: 101).joined(separator: ",")
            #expect(try await users.call(.get, "/v1/users?ids=\(many)").status == 422)
            let inner = "/internal/v1/users?ids=\(ada.id)"
            #expect(try await users.call(.get, inner).status == 401)
            #expect(try await users.call(.get, inner, token: bob.token).body.users == [["id": ada.id, "name": "ada"]])
        }
    }
}
