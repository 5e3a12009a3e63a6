// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import ServiceKit

@Suite("The service directory")
struct ServiceDirectoryTests {
    private func address(_ port: Int) throws -> ServiceAddress {
        try #require(ServiceAddress("https://127.0.0.1:\(port)"))
    }

    @Test("instances take turns")
    func turns() throws {
        let (a, b) = (try address(1), try address(2))
        let directory = ServiceDirectory(["post": [a, b]])
        #expect((0..<5).map { _ in directory.instances(of: "post")?.next } == [a, b, a, b, a])
        #expect(directory.instances(of: "comment") == nil)
    }

    @Test("an update replaces the services it names and leaves the others")
    func update() throws {
        let directory = ServiceDirectory(["post": [try address(1)], "user": [try address(2)]])
        directory.update(["post": [try address(3)], "comment": []])
        #expect(directory.instances(of: "post")?.next == (try address(3)))
        #expect(directory.knows("user") && !directory.knows("comment"))
        directory.update(["user": []])
        #expect(!directory.knows("user"))
    }

    @Test(
        "an address is https://host:port and nothing else",
        arguments: [
            ("https://127.0.0.1:8443", "https://127.0.0.1:8443"), ("https://localhost/", "https://localhost"),
            ("https://[::1]:443", "https://[::1]:443"), ("HTTPS://a:1", "https://a:1"), ("http://a:1", nil),
            ("a:1", nil),
            ("", nil), ("https://", nil), ("https://a:0", nil), ("https://a:70000", nil), ("https://a:1/path", nil),
            ("https://u:p@a:1", nil), ("https://a:1?x", nil), ("https://a b", nil), ("file:///etc/passwd", nil),
        ] as [(String, String?)])
    func address(text: String, expected: String?) {
        #expect(ServiceAddress(text)?.description == expected)
    }
}
