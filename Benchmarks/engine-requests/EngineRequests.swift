// SPDX-License-Identifier: Apache-2.0

internal import LoadGenerator
internal import Measurement

/// What the load generator does in steady state, against a server on loopback: one journey after the other, on one connection.
///
/// For counting, not for timing: `peers/compare.py` times the engine beside other tools.
enum EngineRequests: String, CaseIterable, Sendable {
    /// One request without any parts that vary.
    case plain
    /// Two requests: one with a capture, one with a template, a header and a check.
    case journey

    /// Plays so many journeys. The server at 127.0.0.1 has to answer each request with 200 and `{"items":[{"id":"…"}]}`.
    ///
    /// - Throws: When the engine can't play them, or not all of their requests succeeded.
    func play(_ count: Int, port: Int) async throws {
        let steps = self == .plain ? [plain] : [capturing, templated]
        var source = Plan.Source(
            name: rawValue, arrivals: .uniform, rate: .closed(users: 1), duration: .seconds(600),
            journeys: [(journey: 0, weight: 1)])
        source.iterations = count
        let target = Plan.Target(name: "server", host: "127.0.0.1", port: port, tls: nil)
        let journey = Plan.Journey(name: rawValue, steps: steps.map { .request($0) })
        let plan = Plan(seed: 1, targets: [target], journeys: [journey], sources: [source])
        let good = try await LoadEngine(plan).run().accounting.byOutcome[.ok, default: 0]
        if good != count * steps.count {
            throw UnexpectedAnswers(description: "\(good) of \(count * steps.count) requests were answered well")
        }
    }

    private var plain: Plan.Request {
        Plan.Request(label: "GET /", target: 0, method: "GET", path: .literal("/"))
    }

    private var capturing: Plan.Request {
        var request = plain
        let capture = Plan.Capture(
            "id", variable: Plan.Variable(index: 0), source: .json([.key("items"), .index(0), .key("id")]))
        request.captures = [capture]
        return request
    }

    private var templated: Plan.Request {
        let path: [Plan.Template.Segment] = [
            .literal(Array("/items/".utf8)), .variable(Plan.Variable(index: 0)), .literal(Array("?key=".utf8)), .uuid,
        ]
        var request = Plan.Request(label: "GET /items/*", target: 0, method: "GET", path: Plan.Template(path))
        request.headers = [(name: "accept", value: .literal("application/json"))]
        request.expect.statuses = [200]
        return request
    }
}

struct UnexpectedAnswers: Error, CustomStringConvertible {
    let description: String
}
