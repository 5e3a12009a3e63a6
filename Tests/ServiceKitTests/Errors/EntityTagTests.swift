// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird
import Testing

@testable import ServiceKit

@Suite("Entity tags")
struct EntityTagTests {
    private static func request(_ name: HTTPField.Name, _ value: String?) -> Request {
        var headers = HTTPFields()
        headers[name] = value
        return Request(
            head: .init(method: .patch, scheme: "https", authority: "a", path: "/", headerFields: headers),
            body: .init(buffer: ByteBuffer()))
    }

    @Test(
        "If-Match decides who may change what",
        arguments: [
            ("\"7\"", nil), ("\"6\", \"7\"", nil), ("*", nil), (nil, 428), ("\"8\"", 412), ("W/\"7\"", 412), ("7", 400),
            ("\"7.12.1\"", nil), ("\"6.7\"", 412), ("\"other\"", 412),
            ("\"", 400), ("\"6\",7", 400),
        ] as [(String?, Int?)])
    func ifMatch(field: String?, status: Int?) {
        let request = Self.request(.ifMatch, field)
        if let status {
            let problem = #expect(throws: Problem.self) { try request.requireIfMatch(EntityTag(version: 7)) }
            #expect(problem?.status.code == status)
        } else {
            #expect(throws: Never.self) { try request.requireIfMatch(EntityTag(version: 7)) }
        }
    }

    @Test(
        "If-None-Match tells whether the client is up to date",
        arguments: [
            ("\"7\"", true), ("W/\"7\"", true), ("*", true), ("\"6\", \"7\"", true), ("\"6\"", false), ("7", false),
        ])
    func ifNoneMatch(field: String, isCurrent: Bool) {
        #expect(Self.request(.ifNoneMatch, field).hasCurrent(EntityTag(version: 7)) == isCurrent)
    }
}
