// SPDX-License-Identifier: Apache-2.0

package import ArgumentParser
internal import Foundation
internal import LoadGenerator
internal import Measurement

/// `seawall bench URL`: one GET against one address, without a script.
///
/// With `--rate` the load is open (arrivals come when they are due); without it a closed loop goes as fast as the connections
/// allow, which measures the server's and the generator's capacity, not the latency that users would see.
package struct Bench: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Load one URL, without a script.",
        discussion: """
            With --rate the load is open: arrivals come when they are due, however slow the server is. Without it, every \
            connection sends its next request as soon as the last is answered; such a closed loop measures capacity, and its \
            latencies are not what users at that rate would see.

            Exit codes: 0 done, 3 nothing answered, 4 the measurement is invalid.
            """)

    @Argument(help: "http://host:port/path or https://host:port/path")
    var url: String

    @Option(name: [.short, .long], help: "Connections, and for a closed load the requests in flight.")
    var connections = 50

    @Option(name: [.short, .long], help: "How long, for example 10s or 500ms.")
    var duration = DurationArgument(.seconds(10))

    @Option(name: [.short, .long], help: "Arrivals a second; without it the loop is closed.")
    var rate: Double?

    @Option(help: "How arrivals are spaced: uniform or poisson.")
    var arrivals: Spacing = .poisson

    @Option(help: "Time that a user waits after each answer; for a closed load.")
    var think: DurationArgument?

    @Option(help: "Engine threads.")
    var workers = 1

    @Option(name: [.customShort("H"), .long], help: "A request header, 'name: value'; repeatable.")
    var header: [String] = []

    @Option(help: "PEM file of the certificates to trust; the system's without it.")
    var roots: String?

    @Flag(help: "Do not verify the server's certificate.")
    var insecure = false

    @OptionGroup(title: "Connections and TLS")
    var connecting: ConnectionArguments

    @Option(help: "Seed of the arrivals.")
    var seed: UInt64 = 1

    @Flag(help: "Print one JSON object instead of text.")
    var json = false

    enum Spacing: String, ExpressibleByArgument, CaseIterable {
        case uniform, poisson
    }

    package init() {}

    package func validate() throws {
        guard (1...65_536).contains(connections) else { throw ValidationError("--connections takes 1 to 65536") }
        guard (1...64).contains(workers) else { throw ValidationError("--workers takes 1 to 64") }
        if let rate, !(rate > 0 && rate <= 10_000_000) {
            throw ValidationError("--rate takes a number from above 0 to 10000000")
        }
        if rate != nil && think != nil {
            throw ValidationError("--think is for a closed load, and --rate makes it open; leave one of them out")
        }
        if insecure && roots != nil { throw ValidationError("--insecure and --roots exclude each other") }
        if try target().target.tls == nil {
            let flags = (insecure ? ["--insecure"] : []) + (roots == nil ? [] : ["--roots"]) + connecting.tlsFlags
            if !flags.isEmpty {
                throw ValidationError("\(flags.joined(separator: ", ")): only for https, and \(url) is plain http")
            }
        }
        _ = try headers()
    }

    package func run() async throws {
        let plan = try plan()
        let result: LoadResult
        do {
            let engine = try LoadEngine(plan)
            for warning in engine.warnings { Console.error("warning: " + warning) }
            result = try await engine.run(onStart: { _ in }, onTick: { _ in })
            for warning in result.warnings { Console.error("warning: " + warning) }
        } catch {
            throw CommandFailure(.system, error.message)
        }
        let summary = BenchSummary(result)
        print(json ? try summary.json() : summary.text(closed: rate == nil))
        if summary.completed == 0 { throw CommandFailure(.system) }
        if result.generator.verdict == .invalid { throw CommandFailure(.measurement) }
    }

    private func plan() throws -> Plan {
        let (target, path) = try target()
        var request = Plan.Request(label: "GET \(path)", target: 0, method: "GET", path: .literal(path))
        request.headers = try headers().map { (name: $0.name, value: .literal($0.value)) }
        let rate: Plan.Source.Rate = rate.map { .constant(perSecond: $0) } ?? .closed(users: connections)
        let source = Plan.Source(
            name: "bench", arrivals: arrivals == .poisson ? .poisson : .uniform, rate: rate, duration: duration.value,
            journeys: [(journey: 0, weight: 1)])
        var plan = Plan(
            seed: seed, targets: [target], journeys: [Plan.Journey(name: "bench", steps: [.request(request)])],
            sources: [source])
        if let think { plan.journeys[0].steps.append(.think(.fixed(think.value))) }
        plan.connections.limitPerTarget = connections
        connecting.apply(to: &plan.connections)
        plan.workers = workers
        return plan
    }

    private func target() throws -> (target: Plan.Target, path: String) {
        guard let parts = URLComponents(string: url), let host = parts.host, !host.isEmpty,
            let scheme = parts.scheme?.lowercased(), scheme == "http" || scheme == "https"
        else {
            throw ValidationError("'\(url)' is not an address; write http://host:port/path or https://host:port/path")
        }
        let port = parts.port ?? (scheme == "https" ? 443 : 80)
        guard (1...65_535).contains(port) else { throw ValidationError("port \(port) is not between 1 and 65535") }
        let path = parts.percentEncodedPath.isEmpty ? "/" : parts.percentEncodedPath
        let query = parts.percentEncodedQuery.map { "?" + $0 } ?? ""
        var tls = scheme == "https" ? Plan.TLS(rootsFile: roots, verify: !insecure) : nil
        if var settings = tls {
            connecting.apply(to: &settings)
            tls = settings
        }
        // URLComponents keeps the brackets of a literal IPv6 address.
        let address = host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
        return (Plan.Target(name: address, host: address, port: port, tls: tls), path + query)
    }

    private func headers() throws -> [(name: String, value: String)] {
        try header.map { line in
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            let name = parts[0].trimmingCharacters(in: .whitespaces)
            guard parts.count == 2, !name.isEmpty, !line.contains("\r"), !line.contains("\n") else {
                throw ValidationError("--header '\(line)' is not of the form 'name: value'")
            }
            return (name, parts[1].trimmingCharacters(in: .whitespaces))
        }
    }
}
