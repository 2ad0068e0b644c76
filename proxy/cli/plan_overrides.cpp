#include "proxy/cli/plan_overrides.h"

#include "conf/model/scalar.h"
#include "proxy/cli/json_text.h"

#include <boost/json.hpp>

namespace weir::proxy::cli {

namespace json = boost::json;

std::vector<OverrideFate> plan_overrides(const json::value& status, const conf::Config& next) {
    Overrides operator_overrides;
    PoolNames pools;
    for (const auto& pool : status.at("pools").as_array()) pools.insert(text_of(pool.at("name")));
    const auto* listed = status.as_object().if_contains("overrides"); // an older process does not send it
    if (!listed) return {};
    for (const auto& entry : listed->as_array()) {
        Override setting;
        if (const auto* state = entry.as_object().if_contains("state"))
            setting.state = conf::Scalar<conf::AdminState>::parse(text_of(*state)).value();
        if (const auto* weight = entry.as_object().if_contains("weight"))
            setting.weight = weight->to_number<std::uint32_t>();
        setting.address = conf::BackendAddress::parse(text_of(entry.at("address"))).value();
        operator_overrides.set(text_of(entry.at("pool")), text_of(entry.at("backend")), setting);
    }
    return override_fates(operator_overrides, pools, next);
}

} // namespace weir::proxy::cli
