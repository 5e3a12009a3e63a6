// SPDX-License-Identifier: Apache-2.0

import FaultInjection
import Foundation
import Testing

@Suite("Faults inside a service as JSON")
struct ServiceFaultTests {
    private func decode(_ json: String) throws -> ServiceFault {
        try JSONDecoder().decode(ServiceFault.self, from: Data(json.utf8))
    }

    @Test("every kind is read with its parameters and its defaults")
    func reads() throws {
        #expect(
            try decode(#"{"route":"GET /v1/posts/*","kind":"latency","mean":"800ms","jitter":"100ms","rate":0.5}"#)
                == ServiceFault(
                    route: #require(RoutePattern("GET /v1/posts/*")),
                    kind: .latency(mean: .milliseconds(800), jitter: .milliseconds(100)), rate: 0.5))
        #expect(try decode(#"{"kind":"error"}"#) == ServiceFault(kind: .error(status: 503)))
        #expect(try decode(#"{"kind":"hang","route":"*","rate":1}"#) == ServiceFault(kind: .hang))
    }

    @Test("a fault is written as it is read")
    func roundTrip() throws {
        let faults = [
            ServiceFault(kind: .latency(mean: .milliseconds(800), jitter: .zero), rate: 0.25),
            ServiceFault(route: try #require(RoutePattern("/v1/**")), kind: .error(status: 500)),
            ServiceFault(kind: .hang),
        ]
        let data = try JSONEncoder().encode(faults)
        #expect(try JSONDecoder().decode([ServiceFault].self, from: data) == faults)
    }

    @Test(
        "a mistake is named",
        arguments: [
            (#"{}"#, "'kind' is missing"),
            (#"{"kind":"latencey"}"#, "'latencey' is not a kind of fault; allowed are latency, error, hang"),
            (#"{"kind":"latency"}"#, "'mean' is missing"),
            (#"{"kind":"latency","mean":"800"}"#, "'800' is not a duration: it has no unit"),
            (#"{"kind":"latency","mean":"10ms","jitter":"20ms"}"#, "the jitter is longer than the mean"),
            (#"{"kind":"latency","mean":"10ms","status":503}"#, "'status' is not a key of the kind latency"),
            (#"{"kind":"error","status":200}"#, "it lies between 400 and 599"),
            (#"{"kind":"error","rate":1.5}"#, "it lies between 0 and 1"),
            (#"{"kind":"hang","route":"posts"}"#, "'posts' is not a route"),
        ])
    func refuses(json: String, expected: String) {
        do {
            _ = try decode(json)
            Issue.record("\(json) was accepted")
        } catch DecodingError.dataCorrupted(let context) {
            #expect(context.debugDescription.contains(expected))
        } catch {
            Issue.record("\(json): \(error)")
        }
    }
}
