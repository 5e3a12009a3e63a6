// SPDX-License-Identifier: Apache-2.0

import Experiments
import Foundation
import Measurement
import TestSupport
import Testing

@testable import SeawallCommands

/// Scripts and surroundings in which nothing can be measured: one clear line each, the right exit code, nothing left.
@Suite("seawall run refuses", .timeLimit(.minutes(3)))
struct RunErrorTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func targets(_ url: String) -> String {
        """
        name: elsewhere
        system: {targets: {web: "\(url)"}}
        load:
          all: {executor: constant-arrival-rate, rate: 10/s, duration: 1s, journeys: {look: 1}}
        journeys:
          look: [{get: /, service: web}]
        """
    }

    @Test("a script with mistakes, all of them at once, with 2")
    func mistakes() async throws {
        let seawall = try SeawallProcess(
            ["run", "scenario.yaml"],
            script: targets("http://127.0.0.1:1").replacing("rate:", with: "rat:") + "\nsed: 1")
        #expect(await seawall.exitCode() == 2)
        #expect(seawall.errors.contains("scenario.yaml:4:"))
        #expect(seawall.errors.contains("scenario.yaml:7:"))
        #expect(seawall.errors.contains("nothing was started"))
    }

    @Test("a variant that the script does not have, with 2")
    func unknownVariant() async throws {
        let seawall = try SeawallProcess(
            ["run", "scenario.yaml", "--variant", "some"], script: targets("http://127.0.0.1:1"))
        #expect(await seawall.exitCode() == 2)
        #expect(
            seawall.errors == """
                seawall: the scenario elsewhere has no variant 'some'
                  its variants are: default

                """)
    }

    @Test("a target that is not there, with 3")
    func noTarget() async throws {
        let port = try FreePort.find()
        let seawall = try SeawallProcess(["run", "scenario.yaml"], script: targets("http://127.0.0.1:\(port)"))
        #expect(await seawall.exitCode() == 3)
        #expect(
            seawall.errors == """
                reaching web …
                seawall: target web (http://127.0.0.1:\(port)) can't be reached: Connection refused
                  start it, or correct its address in the scenario

                """)
        #expect(!FileManager.default.fileExists(atPath: "\(seawall.folder.path)/results/"), "no empty folder is left")
    }

    @Test("a load that needs more file descriptors than there may be, with the number, before it begins")
    func fileDescriptors() async throws {
        for command in ["run", "search"] {
            let seawall = try SeawallProcess(
                [command, "scenario.yaml"],
                script: """
                    name: many
                    system: {stations: {web: 1ms}}
                    load: {all: {executor: constant-arrival-rate, rate: 10/s, duration: 1s}}
                    journeys: {look: [{get: /}]}
                    thresholds: [success > 1%]
                    """, prefix: ["sh", "-c", "ulimit -n 300; exec \"$@\"", "sh"])
            #expect(await seawall.exitCode() == 3)
            #expect(
                seawall.errors.contains(
                    "the load may need 640 file descriptors (512 connections), and this process may have 300"),
                "\(seawall.errors)")
            #expect(!seawall.errors.contains("1/1 s"))
        }
    }

    @Test("a name that does not resolve, with 3")
    func noName() async throws {
        let seawall = try SeawallProcess(["run", "scenario.yaml"], script: targets("http://nowhere.invalid:80"))
        #expect(await seawall.exitCode() == 3)
        #expect(
            seawall.errors.contains(
                "target web (http://nowhere.invalid:80) can't be reached: the host name `nowhere.invalid` has no address: "
            ),
            "\(seawall.errors)")
    }

    @Test("a certificate that does not verify, with 3")
    func untrusted() async throws {
        let (service, port) = try await startService()
        let seawall = try SeawallProcess(["run", "scenario.yaml"], script: targets("https://127.0.0.1:\(port)"))
        #expect(await seawall.exitCode() == 3)
        #expect(
            seawall.errors == """
                reaching web …
                seawall: target web (https://127.0.0.1:\(port)) can't be reached: certificate not accepted: unable to get local issuer certificate
                  name the file with its CA in the scenario (`roots:`), or switch verification off (`verify: false`)

                """)
        await service.stop(grace: .zero)
    }

    /// A service by itself, over TLS, with a CA that nobody knows.
    private func startService() async throws -> (ChildProcess, port: Int) {
        for name in ["data", "tls"] {
            try FileManager.default.createDirectory(atPath: "\(folder.path)/\(name)", withIntermediateDirectories: true)
        }
        let service = try await ChildProcess.start(
            name: "user-service", path: Executables.find().path(of: "user-service"),
            arguments: ["--data", "\(folder.path)/data", "--tls", "\(folder.path)/tls"],
            environment: ["SEAWALL_ADMIN_TOKEN": "token"], logFile: "\(folder.path)/log")
        let line = try #require(await service.firstLine.value() ?? nil)
        let listening = try JSONDecoder().decode([String: JSONScalar].self, from: Data(line.utf8))
        let port = try #require(listening["port"]?.number)

        return (service, port)
    }

    @Test(
        "to lose what it measured when the disk is full at the end: the tables are printed and the record is kept elsewhere",
        .enabled(if: PrivateMounts.areAllowed))
    func diskFullAtTheEnd() async throws {
        let (service, port) = try await startService()
        let seawall = try SeawallProcess(
            ["run", "scenario.yaml", "--out", "small/out"],
            script: targets("https://127.0.0.1:\(port)")
                .replacing(
                    "{web: \"https://127.0.0.1:\(port)\"}",
                    with: "{web: {url: \"https://127.0.0.1:\(port)\", verify: false}}"
                )
                .replacing("{get: /, service: web}", with: "{get: /, service: web, expect: {status: 404}}"),
            prefix: PrivateMounts.command(
                """
                mkdir small && mount -t tmpfs -o size=1m none small && {
                (until grep -q playing stderr; do sleep 0.05; done; cat /dev/zero > small/fill) 2> /dev/null & }
                """))
        #expect(await seawall.exitCode() == 3)
        #expect(
            seawall.errors.contains("can't write the results: No space left on device; free some space"),
            "\(seawall.errors)")
        #expect(seawall.output.contains("10 scheduled = 10 completed"))
        let kept = "\(seawall.folder.path)/seawall-results-\(seawall.processID)"
        #expect(seawall.errors.contains("the record was kept in \(kept)/run.json"), "\(seawall.errors)")
        #expect(try RunFile.read(kept).runs.first?.accounting.scheduled == 10)
        await service.stop(grace: .zero)
    }

    @Test("to start without its programs, with 3")
    func missingBinary() async throws {
        let seawall = try SeawallProcess(
            ["up", "--dir", "net", "--port", "0"], environment: ["SEAWALL_BIN_DIR": "/nonexistent"])
        #expect(await seawall.exitCode() == 3)
        #expect(
            seawall.errors == """
                starting the social network …
                seawall: cannot find the program user-service in /nonexistent
                  run `make build`, or set SEAWALL_BIN_DIR to the folder that holds it

                """)
    }

    @Test("a port that is in use, with 3 and the service's own words")
    func portInUse() async throws {
        let taken = try FreePort.take()
        defer { close(taken.descriptor) }
        let seawall = try SeawallProcess(["up", "--dir", "net", "--port", "\(taken.port)"])
        #expect(await seawall.exitCode() == 3)
        #expect(
            seawall.errors.contains("seawall: user-service did not start: it exited with code 1\n  | "),
            "\(seawall.errors)")
        #expect(seawall.errors.contains("\(taken.port)"))
        #expect(seawall.descendants().isEmpty)
    }

    @Test(
        "results that can't be written, with 3, before anything is started", arguments: ["/proc/out", "/dev/null/out"])
    func unwritableResults(out: String) async throws {
        let seawall = try SeawallProcess(
            ["run", "scenario.yaml", "--out", out], script: targets("http://127.0.0.1:1"))
        #expect(await seawall.exitCode() == 3)
        let reason = out == "/proc/out" ? "No such file or directory" : "Not a directory"
        #expect(
            seawall.errors == """
                seawall: cannot write results into \(out): \(reason)
                  free some space or choose another folder with --out

                """)
    }

    @Test("a search into the folder of a run, with 3, before anything is started")
    func searchIntoRun() async throws {
        let folder = try TemporaryFolder()
        try "{}".write(toFile: "\(folder.path)/run.json", atomically: true, encoding: .utf8)
        let seawall = try SeawallProcess(
            ["search", "scenario.yaml", "--slo", "errors < 1%", "--out", folder.path],
            script: targets("http://127.0.0.1:1"))
        #expect(await seawall.exitCode() == 3)
        #expect(
            seawall.errors.hasSuffix(
                """
                seawall: the folder \(folder.path) holds the record of a run
                  choose another one with --out

                """))
    }

    @Test("a full disk, with 3, before anything is started", .enabled(if: PrivateMounts.areAllowed))
    func fullDisk() async throws {
        let seawall = try SeawallProcess(
            ["run", "scenario.yaml", "--out", "small/out"], script: targets("http://127.0.0.1:1"),
            prefix: PrivateMounts.command("mkdir small && mount -t tmpfs -o size=32k none small"))
        #expect(await seawall.exitCode() == 3)
        #expect(
            seawall.errors == """
                seawall: cannot write results into small/out: No space left on device
                  free some space or choose another folder with --out

                """)
    }

    @Test("policies of a network that does not run, with 3")
    func noNetwork() async throws {
        let seawall = try SeawallProcess(["policies"])
        #expect(await seawall.exitCode() == 3)
        #expect(
            seawall.errors == """
                seawall: no network runs in .seawall
                  start one with `seawall up`, or name its folder with --dir

                """)
    }
}

/// A number in a JSON object with values of several kinds.
struct JSONScalar: Decodable {
    var number: Int?

    init(from decoder: any Decoder) throws { number = try? decoder.singleValueContainer().decode(Int.self) }
}

/// Mounts that only the command itself sees, where this machine allows them.
enum PrivateMounts {
    static func command(_ preparation: String) -> [String] {
        ["unshare", "-m", "sh", "-c", "\(preparation) && exec \"$@\"", "sh"]
    }

    static let areAllowed: Bool = {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = command("mount -t tmpfs none /mnt") + ["true"]
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return false }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }()
}

/// Ports of the loopback.
enum FreePort {
    /// A port on which nobody listens now.
    static func find() throws -> Int {
        let taken = try take()
        close(taken.descriptor)
        return taken.port
    }

    /// A port on which the returned socket listens.
    static func take() throws -> (descriptor: Int32, port: Int) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer -> Int32 in
                guard bind(descriptor, pointer, length) == 0, listen(descriptor, 1) == 0 else { return -1 }
                return getsockname(descriptor, pointer, &length)
            }
        }
        guard result == 0 else { throw POSIXError(.EADDRNOTAVAIL) }
        return (descriptor, Int(UInt16(bigEndian: address.sin_port)))
    }
}
