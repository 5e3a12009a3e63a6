// SPDX-License-Identifier: Apache-2.0

import Foundation
import NIOSSL
import TestSupport
import Testing

@testable import ServiceKit

@Suite("The development CA")
struct DevelopmentCATests {
    @Test("those who need it at the same time get the same one")
    func onlyOne() async throws {
        let folder = try TemporaryFolder()
        let certificates = try await withThrowingTaskGroup(of: (String, String).self) { group in
            for _ in 0..<8 {
                group.addTask {
                    let authority = try DevelopmentCA(directory: folder.path + "/tls")
                    return (authority.certificatePEM, authority.secret.value)
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(Set(certificates.map(\.0)).count == 1)
        #expect(Set(certificates.map(\.1)).count == 1)
    }

    @Test("its secrets are for the owner only", arguments: ["ca-key.pem", "service-secret"])
    func permissions(file: String) throws {
        let folder = try TemporaryFolder()
        _ = try DevelopmentCA(directory: folder.path)
        let attributes = try FileManager.default.attributesOfItem(atPath: folder.path + "/" + file)
        #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == 0o600)
    }

    @Test("a leaf can be used by a server and its names include what was asked for")
    func leaf() throws {
        let folder = try TemporaryFolder()
        let authority = try DevelopmentCA(directory: folder.path)
        let leaf = try authority.makeLeaf(service: "post", hosts: ["10.0.0.7", "posts.test"])
        _ = try NIOSSLContext(configuration: try leaf.serverConfiguration())
        let certificate = try NIOSSLCertificate(bytes: Array(leaf.certificatePEM.utf8), format: .pem)
        let names = certificate._subjectAlternativeNames()
        // localhost, post-service, posts.test, 127.0.0.1, ::1 and 10.0.0.7.
        #expect(names.count == 6)
    }

    @Test(
        "a damaged one is refused with a way out",
        arguments: [("ca.pem", "nonsense"), ("ca-key.pem", "nonsense"), ("ca-key.pem", nil)] as [(String, String?)])
    func damaged(file: String, content: String?) throws {
        let folder = try TemporaryFolder()
        _ = try DevelopmentCA(directory: folder.path)
        let path = folder.path + "/" + file
        if let content {
            try content.write(toFile: path, atomically: true, encoding: .utf8)
        } else {
            try FileManager.default.removeItem(atPath: path)
        }
        let error = #expect(throws: StartupError.self) { _ = try DevelopmentCA(directory: folder.path) }
        #expect(error?.message.contains("remove") == true)
    }

    @Test("keys of two authorities don't pass for one")
    func mixed() throws {
        let (one, other) = (try TemporaryFolder(), try TemporaryFolder())
        _ = try DevelopmentCA(directory: one.path)
        _ = try DevelopmentCA(directory: other.path)
        try FileManager.default.removeItem(atPath: one.path + "/ca-key.pem")
        try FileManager.default.copyItem(atPath: other.path + "/ca-key.pem", toPath: one.path + "/ca-key.pem")
        let error = #expect(throws: StartupError.self) { _ = try DevelopmentCA(directory: one.path) }
        #expect(error?.message.contains("do not belong together") == true)
    }

    @Test("a directory that can't be made is named")
    func unusable() {
        let error = #expect(throws: StartupError.self) { _ = try DevelopmentCA(directory: "/proc/nothing/tls") }
        #expect(error?.message.contains("/proc/nothing/tls") == true)
    }
}
