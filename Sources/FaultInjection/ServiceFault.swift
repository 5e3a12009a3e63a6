// SPDX-License-Identifier: Apache-2.0

/// A fault inside a service, for the requests of one route.
///
/// In JSON: `{"route": "GET /v1/posts/*", "kind": "latency", "mean": "800ms", "jitter": "100ms", "rate": 0.5}`. `route` defaults
/// to `*`, `jitter` to `0s`, `status` to 503, `rate` to 1. Keys that are unknown, or that the kind does not have, are refused.
package struct ServiceFault: Sendable, Equatable {
    package enum Kind: Sendable, Equatable {
        /// The request is served after mean ± jitter, uniform, never below zero.
        case latency(mean: Duration, jitter: Duration)
        /// The request is answered with this status (400...599) and not served.
        case error(status: Int)
        /// The request is not answered until the fault is removed or its client goes away.
        case hang
    }

    package var route: RoutePattern
    package var kind: Kind
    /// Share of the concerned requests, 0...1.
    package var rate: Double

    package init(route: RoutePattern = .all, kind: Kind, rate: Double = 1) {
        self.route = route
        self.kind = kind
        self.rate = rate
    }
}

extension ServiceFault: Codable {
    /// The word for a kind in JSON.
    private enum KindName: String, CaseIterable {
        case latency, error, hang

        var keys: Set<String> {
            switch self {
            case .latency: ["mean", "jitter"]
            case .error: ["status"]
            case .hang: []
            }
        }
    }

    private struct Key: CodingKey, Hashable {
        var stringValue: String
        var intValue: Int? { nil }
        init(_ name: String) { stringValue = name }
        init?(stringValue: String) { self.init(stringValue) }
        init?(intValue: Int) { nil }
    }

    /// Reads a fault from the JSON shape above.
    ///
    /// - Throws: `DecodingError` whose debug description is one clear sentence for the person who wrote the JSON.
    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: Key.self)
        func fault(_ key: String, _ message: String) -> DecodingError {
            .dataCorrupted(.init(codingPath: values.codingPath + [Key(key)], debugDescription: message))
        }
        func duration(_ key: String) throws -> Duration? {
            guard let text = try values.decodeIfPresent(String.self, forKey: Key(key)) else { return nil }
            do {
                return try DurationText.parse(text)
            } catch {
                throw fault(key, "'\(text)' is not a duration: \(error)")
            }
        }

        let kindNames = KindName.allCases.map(\.rawValue).joined(separator: ", ")
        guard let word = try values.decodeIfPresent(String.self, forKey: Key("kind")) else {
            throw fault("kind", "'kind' is missing; it is one of \(kindNames)")
        }
        guard let name = KindName(rawValue: word) else {
            throw fault("kind", "'\(word)' is not a kind of fault; allowed are \(kindNames)")
        }
        let allowed = name.keys.union(["route", "kind", "rate"])
        for key in values.allKeys.map(\.stringValue).sorted() where !allowed.contains(key) {
            throw fault(
                key,
                "'\(key)' is not a key of the kind \(word); allowed are \(allowed.sorted().joined(separator: ", "))")
        }
        let routeText = try values.decodeIfPresent(String.self, forKey: Key("route")) ?? "*"
        guard let route = RoutePattern(routeText) else {
            throw fault(
                "route", "'\(routeText)' is not a route; write *, /path or METHOD /path, with * for one segment")
        }
        let rate = try values.decodeIfPresent(Double.self, forKey: Key("rate")) ?? 1
        guard rate >= 0, rate <= 1 else { throw fault("rate", "the rate is \(rate); it lies between 0 and 1") }

        let kind: Kind
        switch name {
        case .latency:
            guard let mean = try duration("mean") else {
                throw fault("mean", "'mean' is missing, for example \"800ms\"")
            }
            let jitter = try duration("jitter") ?? .zero
            guard jitter <= mean else { throw fault("jitter", "the jitter is longer than the mean") }
            kind = .latency(mean: mean, jitter: jitter)
        case .error:
            let status = try values.decodeIfPresent(Int.self, forKey: Key("status")) ?? 503
            guard (400...599).contains(status) else {
                throw fault("status", "the status is \(status); it lies between 400 and 599")
            }
            kind = .error(status: status)
        case .hang:
            kind = .hang
        }
        self.init(route: route, kind: kind, rate: rate)
    }

    package func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: Key.self)
        try values.encode(route.description, forKey: Key("route"))
        switch kind {
        case .latency(let mean, let jitter):
            try values.encode(KindName.latency.rawValue, forKey: Key("kind"))
            try values.encode(DurationText.format(mean), forKey: Key("mean"))
            try values.encode(DurationText.format(jitter), forKey: Key("jitter"))
        case .error(let status):
            try values.encode(KindName.error.rawValue, forKey: Key("kind"))
            try values.encode(status, forKey: Key("status"))
        case .hang:
            try values.encode(KindName.hang.rawValue, forKey: Key("kind"))
        }
        try values.encode(rate, forKey: Key("rate"))
    }
}
