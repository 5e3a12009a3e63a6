// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import ServiceKit
import TestSupport
import Testing

@testable import UserService

@Suite("Sign-in and sign-out")
struct SessionTests {
    private static let ada = #"{"username":"ada","password":"correct horse"}"#

    @Test("an unknown name and a wrong password get the same answer")
    func wrong() async throws {
        try await UserFixture.run { users in
            _ = try await users.call(.post, "/v1/users", Self.ada)
            let unknown = try await users.call(.post, "/v1/sessions", #"{"username":"eve","password":"correct horse"}"#)
            for password in ["correct horsf", "", String(repeating: "x", count: 10_000)] {
                let wrong = try await users.call(
                    .post, "/v1/sessions", #"{"username":"ada","password":"\#(password)"}"#)
                #expect(wrong.status == 401 && wrong.problem == unknown.problem)
            }
            #expect(unknown.status == 401 && unknown.problem == "wrong-credentials")
        }
    }

    @Test("a token survives a restart of the service")
    func restart() async throws {
        let folder = try TemporaryFolder()
        let (id, token) = try await UserFixture.run(in: folder) { try await $0.person("ada") }
        try await UserFixture.run(in: folder) { users in
            let friends = try await users.call(.get, "/v1/users/\(id)/friends", token: token)
            #expect(friends.status == 200)
        }
    }

    @Test("a refresh token works once; used twice, it ends the sign-in")
    func refresh() async throws {
        try await UserFixture.run { users in
            _ = try await users.call(.post, "/v1/users", Self.ada)
            func refresh(_ token: String?) async throws -> UserFixture.Answer {
                try await users.call(.post, "/v1/sessions/refresh", #"{"refreshToken":"\#(token ?? "")"}"#)
            }
            let first = try await users.call(.post, "/v1/sessions", Self.ada).body.refreshToken
            let second = try await refresh(first)
            #expect(second.status == 201 && second.body.refreshToken != first && second.body.accessToken != nil)
            #expect(try await refresh(first).problem == "refresh-token-reused")
            #expect(try await refresh(second.body.refreshToken).problem == "invalid-refresh-token")
            #expect(try await refresh("made up").status == 401)
        }
    }

    @Test("who signs out can't refresh any more")
    func signOut() async throws {
        try await UserFixture.run { users in
            _ = try await users.call(.post, "/v1/users", Self.ada)
            let session = try await users.call(.post, "/v1/sessions", Self.ada).body
            #expect(try await users.call(.delete, "/v1/sessions/current").status == 401)
            #expect(try await users.call(.delete, "/v1/sessions/current", token: session.accessToken).status == 204)
            let refreshed = try await users.call(
                .post, "/v1/sessions/refresh", #"{"refreshToken":"\#(session.refreshToken ?? "")"}"#)
            #expect(refreshed.status == 401)
        }
    }

    @Test("the keys that others check tokens with are published, and only the public ones")
    func keys() async throws {
        try await UserFixture.run { users in
            let answer = try await users.call(.get, "/.well-known/jwks.json")
            #expect(answer.status == 200 && answer.text.contains("\"Ed25519\"") && !answer.text.contains("\"d\""))
        }
    }

    @Test("a signing key that can't be read is a clear reason not to start")
    func brokenKey() async throws {
        let folder = try TemporaryFolder()
        try PrivateFile.write("nonsense", to: folder.path + "/signing-key")
        let error = await #expect(throws: StartupError.self) { try await UserFixture.run(in: folder) { _ in } }
        #expect(error?.message.contains("signing-key") == true)
    }
}
