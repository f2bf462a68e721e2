-- Builds the mission in <world>/mission.json, and puts the player where <world>/place.json says.
--
-- mcproxy counts x to the east and is right-handed, Luanti is left-handed: block (x, y, z) is node (-x, y, z), and yaw
-- changes its sign. A node is centred on whole numbers, so position (x, y, z) is (0.5 - x, y - 0.5, z - 0.5). Every
-- mission is built in a region of its own, so that no earlier one can be seen.
local BEAM_NODES = 48
local MARGIN = 16
local blocks = dofile(minetest.get_modpath("mcproxy") .. "/blocks.lua")
local world = minetest.get_worldpath()

for _, block in pairs(blocks) do
	local image = "mcproxy_" .. block.name .. "_"
	local node = {
		description = block.name,
		tiles = {image .. "top.png", image .. "bottom.png", image .. "side.png"},
		light_source = math.min(block.light, 14),
		walkable = block.solid,
		is_ground_content = false,
	}
	if not block.cube then
		local box = block.box
		node.drawtype = "nodebox"
		node.paramtype = "light"
		node.node_box = {type = "fixed", fixed = {
			0.5 - box[4], box[2] - 0.5, box[3] - 0.5, 0.5 - box[1], box[5] - 0.5, box[6] - 0.5,
		}}
	end
	minetest.register_node("mcproxy:" .. block.name, node)
end
minetest.register_node("mcproxy:beam", {
	drawtype = "nodebox", paramtype = "light", sunlight_propagates = true, walkable = false, pointable = false,
	tiles = {"mcproxy_beam.png"}, light_source = 14, use_texture_alpha = "opaque",
	node_box = {type = "fixed", fixed = {-0.2, -0.5, -0.2, 0.2, 0.5, 0.2}},
})
minetest.register_item(":", {type = "none", wield_image = "blank.png", range = 0})

local content = {[0] = minetest.CONTENT_AIR}
minetest.register_on_mods_loaded(function()
	for id, block in pairs(blocks) do
		content[id] = minetest.get_content_id("mcproxy:" .. block.name)
	end
end)

minetest.register_on_joinplayer(function(player)
	player:set_properties({
		collisionbox = {-0.3, 0, -0.3, 0.3, 1.8, 0.3}, eye_height = 1.62, stepheight = 0.6,
		visual_size = {x = 0, y = 0}, zoom_fov = 0, makes_footstep_sound = false,
	})
	player:hud_set_flags({hotbar = false, healthbar = false, crosshair = false, wielditem = false, breathbar = false,
		minimap = false, minimap_radar = false, basic_debug = false, chat = false})
	player:set_physics_override({speed = 1, jump = 1, gravity = 0, sneak = false, sneak_glitch = false, new_move = true})
	player:set_fov(tonumber(minetest.settings:get("mcproxy_fov_deg")) or 70, false, 0)
	player:set_clouds({density = 0})
	player:set_sky({type = "regular", clouds = false, sky_color = {
		day_sky = "#5c92e8", day_horizon = "#bed6f0", dawn_sky = "#5c92e8", dawn_horizon = "#bed6f0",
		fog_tint_type = "default"}})
	player:set_sun({visible = false, sunrise_visible = false})
	player:set_moon({visible = false})
	player:set_stars({visible = false})
	player:override_day_night_ratio(1)
	player:set_inventory_formspec("")
end)
minetest.register_on_newplayer(function(player) player:set_pos({x = 0, y = 0.5, z = 0}) end)
-- Between two missions the player stands on a stone at the origin.
minetest.register_on_mods_loaded(function()
	minetest.after(0, function()
		minetest.emerge_area({x = 0, y = 0, z = 0}, {x = 0, y = 0, z = 0}, function(_, _, left)
			if left == 0 then minetest.set_node({x = 0, y = 0, z = 0}, {name = "mcproxy:stone"}) end
		end)
	end)
end)
function minetest.send_join_message() end
function minetest.send_leave_message() end

local function corners(mission)
	local east, south, size = mission.region[1], mission.region[2], mission.size
	return {x = east - size[1] - MARGIN, y = -MARGIN, z = south - MARGIN},
		{x = east + MARGIN, y = size[2] + BEAM_NODES, z = south + size[3] + MARGIN}
end

local function build(mission)
	local low, high = corners(mission)
	local manipulator = minetest.get_voxel_manip(low, high)
	local first, last = manipulator:get_emerged_area()
	local area = VoxelArea:new({MinEdge = first, MaxEdge = last})
	local data = manipulator:get_data()
	local bytes = minetest.decode_base64(mission.blocks)
	local beam = minetest.get_content_id("mcproxy:beam")
	local size, k = mission.size, 0
	for x = 0, size[1] - 1 do
		for y = 0, size[2] - 1 do
			for z = 0, size[3] - 1 do
				k = k + 1
				local id = bytes:byte(k)
				if id ~= 0 then
					local column = {x = mission.region[1] - x, z = mission.region[2] + z}
					data[area:index(column.x, y, column.z)] = content[id]
					if blocks[id].name == "beacon" then
						for up = y + 1, y + BEAM_NODES do
							if up >= size[2] or data[area:index(column.x, up, column.z)] == minetest.CONTENT_AIR then
								data[area:index(column.x, up, column.z)] = beam
							end
						end
					end
				end
			end
		end
	end
	manipulator:set_data(data)
	manipulator:write_to_map(true)
	minetest.fix_light(low, high)
end

local function read(name)
	local file = io.open(world .. "/" .. name, "r")
	if not file then return nil end
	local text = file:read("*a")
	file:close()
	return text
end

-- Puts the player into its place, and tells the probe which blocks of the map it must have by then.
local channel = minetest.mod_channel_join("mcproxy")
local function place(player, number)
	local at = minetest.parse_json(read("place.json"))
	local east, south, size = at.region[1], at.region[2], at.size
	channel:send_all(table.concat(
		{number, east - size[1] + 1, 0, south, east, size[2] - 1, south + size[3] - 1}, " "))
	local spawn, region = at.spawn, at.region
	player:set_physics_override({gravity = 1})
	player:set_pos({x = region[1] + 0.5 - spawn[1], y = spawn[2] - 0.5, z = region[2] + spawn[3] - 0.5})
	player:set_look_horizontal(math.rad((-at.yaw_deg) % 360))
	player:set_look_vertical(0)
end

-- Python writes NAME.json, then a new number into NAME.id.
local built, placed
minetest.register_globalstep(function()
	local player = minetest.get_connected_players()[1]
	if not player then return end
	local asked = read("place.id")
	if asked and asked ~= placed then
		placed = asked
		place(player, asked)
	end
	asked = read("mission.id")
	if asked and asked ~= built then
		built = asked
		local mission = minetest.parse_json(read("mission.json"))
		local low, high = corners(mission)
		minetest.emerge_area(low, high, function(_, _, left)
			if left == 0 then
				build(mission)
				minetest.set_timeofday(0.5)
				minetest.safe_file_write(world .. "/ready.id", asked)
			end
		end)
	end
end)
