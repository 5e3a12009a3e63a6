// SPDX-License-Identifier: Apache-2.0

internal import Testing

@testable internal import Resilience

@Suite("The configuration of policies beside a pipeline")
struct StandaloneConfigurationTests {
    private func faults<Options: PolicyOptions>(_ type: Options.Type, _ edit: ConfigurationValue) -> [String] {
        do throws(ConfigurationFaults) {
            _ = try PolicySetting<Options>.initial.edited(by: edit)
            return []
        } catch {
            return error.faults.map(\.path).map { $0.joined(separator: ".") }
        }
    }

    @Test("is read from shorthands, mappings and modes")
    func read() throws {
        let rate = try PolicySetting<RateLimiterOptions>.initial.edited(by: "100/s")
        #expect(rate == PolicySetting(mode: .enforced, options: RateLimiterOptions(rate: .perSecond(100))))
        let shadow = try rate.edited(by: ["mode": "shadow", "burst": 5, "max-wait": "20ms"])
        #expect(shadow.mode == .shadow)
        #expect(shadow.options == RateLimiterOptions(rate: .perSecond(100), burst: 5, maximumWait: .milliseconds(20)))
        #expect(try shadow.edited(by: "disabled").options == shadow.options)
        let limit = try PolicySetting<AdaptiveLimitOptions>.initial.edited(by: "vegas")
        #expect(limit.options?.algorithm == .vegas)
        let shedder = try PolicySetting<LoadShedderOptions>.initial.edited(
            by: ["limit": 8, "queue": ["capacity": 3, "target": "2ms"]])
        #expect(
            shedder.options
                == LoadShedderOptions(limit: 8, queue: AdmissionQueueOptions(capacity: 3, target: .milliseconds(2))))
        let throttle = try PolicySetting<AdaptiveThrottleOptions>.initial.edited(by: .double(1.5))
        #expect(throttle.options?.multiplier == 1.5)
    }

    @Test("names every bad field at once")
    func allFaults() {
        #expect(
            faults(RateLimiterOptions.self, ["rate": "fast", "burst": 0, "max-wait": "2h", "brust": 1])
                == ["rate", "burst", "max-wait", "brust"])
        #expect(
            faults(AdaptiveLimitOptions.self, ["algorithm": "cubic", "min": 0, "probe": ["limit": 0]])
                == ["algorithm", "min", "probe.limit"])
        #expect(faults(AdaptiveLimitOptions.self, ["min": 50, "max": 40]) == ["min", "initial"])
        #expect(
            faults(AdaptiveThrottleOptions.self, ["multiplier": 0, "window": "1ms", "max-rejection": "0%"])
                == ["multiplier", "window", "max-rejection"])
        #expect(faults(AdaptiveThrottleOptions.self, ["window": "1s", "patience": "1s"]) == ["patience"])
        #expect(
            faults(LoadShedderOptions.self, ["limit": -1, "queue": ["target": "0s", "depth": 1]])
                == ["limit", "queue.target", "queue.depth"])
        #expect(
            faults(LoadShedderOptions.self, ["limit": 1, "queue": ["target": "1s", "interval": "10ms"]])
                == ["queue"])
        #expect(
            faults(OutlierEjectionOptions.self, ["consecutive-failures": "off", "failure-rate": "off"])
                == ["consecutive-failures"])
        #expect(
            faults(OutlierEjectionOptions.self, ["base": "1m", "cap": "1s", "max-share": 2]) == ["max-share"])
    }

    @Test("can't be switched on before what it needs is set, and has no breaker's modes")
    func incomplete() {
        #expect(faults(RateLimiterOptions.self, "enforced") == [""])
        #expect(faults(LoadShedderOptions.self, ["queue": 4]) == [""])
        #expect(faults(AdaptiveLimitOptions.self, "forced-open") == [""])
        #expect(throws: ConfigurationFaults.self) { try AdaptiveLimit(mode: .forcedOpen) }
    }

    @Test("made in code goes through the same checks")
    func code() {
        #expect(throws: ConfigurationFaults.self) { try RateLimiter(RateLimiterOptions(rate: CallRate(0, per: .zero))) }
        #expect(throws: ConfigurationFaults.self) { try AdaptiveThrottle(AdaptiveThrottleOptions(multiplier: .nan)) }
        #expect(throws: ConfigurationFaults.self) { try AdaptiveLimit(AdaptiveLimitOptions(initial: 500)) }
        #expect(throws: ConfigurationFaults.self) { try LoadShedder(LoadShedderOptions(limit: -5)) }
        #expect(throws: ConfigurationFaults.self) {
            try OutlierEjection(["a"], options: OutlierEjectionOptions(maximumShare: .infinity))
        }
    }
}
