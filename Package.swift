// swift-tools-version: 6.3
// SPDX-License-Identifier: Apache-2.0

import PackageDescription

let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .swiftLanguageMode(.v6),
]

// Products of other packages, under the short names that the targets below use.
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let metrics: Target.Dependency = .product(name: "Metrics", package: "swift-metrics")
let coreMetrics: Target.Dependency = .product(name: "CoreMetrics", package: "swift-metrics")
let metricsTestKit: Target.Dependency = .product(name: "MetricsTestKit", package: "swift-metrics")
let histogram: Target.Dependency = .product(name: "Histogram", package: "hdrhistogram-swift")
let yams: Target.Dependency = .product(name: "Yams", package: "Yams")
let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let nioFoundation: Target.Dependency = .product(name: "NIOFoundationCompat", package: "swift-nio")
let nioTLS: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let httpTypes: Target.Dependency = .product(name: "HTTPTypes", package: "swift-http-types")
let hummingbird: Target.Dependency = .product(name: "Hummingbird", package: "hummingbird")
let hummingbirdTLS: Target.Dependency = .product(name: "HummingbirdTLS", package: "hummingbird")
let hummingbirdHTTP2: Target.Dependency = .product(name: "HummingbirdHTTP2", package: "hummingbird")
let hummingbirdTesting: Target.Dependency = .product(name: "HummingbirdTesting", package: "hummingbird")
let httpClient: Target.Dependency = .product(name: "AsyncHTTPClient", package: "async-http-client")
let lifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let signals: Target.Dependency = .product(name: "UnixSignals", package: "swift-service-lifecycle")
let grdb: Target.Dependency = .product(name: "GRDB", package: "GRDB.swift")
let jwt: Target.Dependency = .product(name: "JWTKit", package: "jwt-kit")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let cryptoExtras: Target.Dependency = .product(name: "CryptoExtras", package: "swift-crypto")
let x509: Target.Dependency = .product(name: "X509", package: "swift-certificates")
let asn1: Target.Dependency = .product(name: "SwiftASN1", package: "swift-asn1")
let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")

/// A library module: its folder under `Sources` has its name.
func module(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

/// A command: one file that calls the library which holds its work.
func command(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(name: name, dependencies: dependencies, swiftSettings: settings)
}

/// The tests of the module with the name before `Tests`.
func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(
        name: name + "Tests", dependencies: [.init(stringLiteral: name)] + dependencies, swiftSettings: settings)
}

/// What every service of the social network is made of.
let service: [Target.Dependency] = [
    "Resilience", "ServiceKit", hummingbird, httpTypes, nioCore, nioPosix, logging, metrics, lifecycle, grdb, crypto,
]

let package = Package(
    name: "seawall",
    products: [
        .library(name: "Resilience", targets: ["Resilience"]),
        .library(name: "ResilienceTesting", targets: ["ResilienceTesting"]),
        .executable(name: "seawall", targets: ["seawall"]),
        .executable(name: "user-service", targets: ["user-service"]),
        .executable(name: "post-service", targets: ["post-service"]),
        .executable(name: "comment-service", targets: ["comment-service"]),
        .executable(name: "station-service", targets: ["station-service"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0", traits: []),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: ["FullFoundation"]),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0", traits: []),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/vapor/jwt-kit", from: "5.7.1"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-certificates", from: "1.21.1"),
        .package(url: "https://github.com/apple/swift-asn1", from: "1.7.4"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    ],
    targets: [
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .target(name: "CLinux"),

        module("Resilience", [logging, metrics, coreMetrics]),
        module("ResilienceTesting", ["Resilience"]),
        module("Measurement", []),
        module("FaultInjection", [nioCore, nioPosix, nioHTTP1]),
        module("Stations", ["FaultInjection"]),
        module("Patterns", []),
        module("Scenarios", ["Resilience", "FaultInjection", "Stations", "Patterns", yams]),
        module("LoadGenerator", ["COpenSSL", "CLinux", "Measurement", "Patterns"]),
        module(
            "ServiceKit",
            [
                "Resilience", "FaultInjection", hummingbird, hummingbirdTLS, hummingbirdHTTP2, httpClient, httpTypes,
                nioCore, nioPosix, nioFoundation, nioTLS, logging, metrics, coreMetrics, lifecycle, signals, grdb, jwt,
                crypto, cryptoExtras, x509, asn1, arguments,
            ]),
        module("UserService", service),
        module("PostService", service),
        module("CommentService", service),
        module(
            "StationService",
            [
                "ServiceKit", "Stations", "Measurement", "FaultInjection", hummingbird, nioCore, nioPosix, nioHTTP1,
                nioTLS,
                lifecycle, arguments,
            ]),
        module(
            "Experiments",
            [
                "CLinux", "Resilience", "Scenarios", "Stations", "LoadGenerator", "FaultInjection", "Measurement",
                httpClient, nioCore, nioPosix, nioHTTP1, nioTLS,
            ]),
        module("Reports", ["Measurement"]),
        module(
            "SeawallCommands",
            [
                "Resilience", "Scenarios", "LoadGenerator", "FaultInjection", "Measurement", "Experiments", "Reports",
                arguments,
            ]),

        command("seawall", ["SeawallCommands"]),
        command("user-service", ["ServiceKit", "UserService"]),
        command("post-service", ["ServiceKit", "PostService"]),
        command("comment-service", ["ServiceKit", "CommentService"]),
        command("station-service", ["StationService"]),

        // The example of the README, as it stands there.
        .executableTarget(
            name: "ShopExample", dependencies: ["Resilience", hummingbird, httpClient, nioHTTP1], path: "Examples/Shop"),

        .target(
            name: "TestSupport", dependencies: ["ResilienceTesting"], path: "Tests/TestSupport", swiftSettings: settings
        ),
        .target(name: "CTestServer", dependencies: ["COpenSSL"], path: "Tests/CTestServer"),
        .target(
            name: "SocialTesting",
            dependencies: [
                "Resilience", "ServiceKit", "TestSupport", hummingbird, hummingbirdTesting, httpTypes, nioCore, logging,
                lifecycle,
            ], path: "Tests/SocialTesting", swiftSettings: settings),
        tests("Resilience", ["ResilienceTesting", "TestSupport", logging, metricsTestKit]),
        tests("ResilienceTesting", ["Resilience"]),
        tests("Measurement", ["TestSupport", histogram]),
        tests("ShopExample", ["Resilience", hummingbird, hummingbirdTesting, httpTypes, nioCore]),
        tests("FaultInjection", ["TestSupport", nioCore, nioPosix]),
        tests("Scenarios", ["TestSupport", "Resilience", "FaultInjection", "Stations"]),
        tests("Stations", ["FaultInjection"]),
        tests("StationService", ["TestSupport", "Stations", "Measurement", "LoadGenerator", nioCore]),
        tests("LoadGenerator", ["CTestServer", "Measurement", "COpenSSL", "Patterns"]),
        tests("Patterns", []),
        tests(
            "ServiceKit",
            [
                "TestSupport", "Resilience", "FaultInjection", hummingbird, hummingbirdTesting, httpTypes, httpClient,
                nioCore,
                nioPosix, nioHTTP1, nioTLS, coreMetrics, crypto, grdb, logging,
            ]),
        tests(
            "UserService",
            [
                "TestSupport", "ServiceKit", "user-service", hummingbird, hummingbirdTesting, httpTypes, httpClient,
                nioCore,
                nioHTTP1, nioTLS, grdb, logging,
            ]),
        tests(
            "PostService",
            [
                "TestSupport", "SocialTesting", "ServiceKit", hummingbird, hummingbirdTesting, httpTypes, nioCore, grdb,
                logging,
            ]),
        tests(
            "CommentService",
            [
                "TestSupport", "SocialTesting", "ServiceKit", hummingbird, hummingbirdTesting, httpTypes, nioCore, grdb,
                logging,
            ]),
        .testTarget(
            name: "SocialNetworkTests",
            dependencies: ["TestSupport", "ServiceKit", "Experiments", "Resilience", httpTypes, nioCore, nioTLS],
            swiftSettings: settings),
        tests(
            "Experiments",
            ["TestSupport", "FaultInjection", "LoadGenerator", "Measurement", "Resilience", "Scenarios"]),
        tests("Reports", ["TestSupport", "Measurement"]),
        tests("SeawallCommands", ["TestSupport", "Experiments", "Measurement", "Resilience"]),
    ]
)
